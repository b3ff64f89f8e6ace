from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("transport", "0011_usage")]

    operations = [
        migrations.AddField(
            model_name="receiveconnector",
            name="message_rate_limit",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="messages a minute at most"),
        ),
        migrations.AddField(
            model_name="receiveconnector",
            name="message_rate_source",
            field=models.CharField(
                choices=[("ip_address", "address"), ("user", "user"), ("all", "address and user")],
                db_default="ip_address",
                default="ip_address",
                max_length=16,
                verbose_name="messages are counted by",
            ),
        ),
    ]
