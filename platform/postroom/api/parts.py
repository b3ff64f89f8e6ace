"""Parts of a resource that are written whole: the addresses of a mailbox, the hosts of a connector."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from typing_extensions import override

MOST = 500


class PartSerializer(serializers.Serializer[Any]):
    """An entry of a list that is replaced as a whole, so that its fields are required in a PATCH too."""

    @classmethod
    @override
    def many_init(cls, *args: Any, **kwargs: Any) -> Any:
        return super().many_init(*args, **{"max_length": MOST, **kwargs})

    @override
    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        missing = {
            name: [field.error_messages["required"]]
            for name, field in self.fields.items()
            if field.required and not field.read_only and name not in data
        }
        if missing:
            raise serializers.ValidationError(missing)
        return value
