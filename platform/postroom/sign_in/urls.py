"""The addresses of signing in and of one's account. The names that begin with `account_` and `mfa_` are allauth's."""

from __future__ import annotations

from django.urls import path

from postroom.sign_in import account, entrance, oidc, second_factor

urlpatterns = [
    # The sign-in page has its place in the console's addresses; allauth finds it by this name.
    path("sign-in/", entrance.SignIn.as_view(), name="account_login"),
    path("account/", account.show, name="account"),
    path("account/", account.show, name="mfa_index"),
    path("account/password/", account.password, name="account_change_password"),
    path("account/sessions/others/end/", account.end_other_sessions, name="account_end_other_sessions"),
    path("account/sessions/<int:pk>/end/", account.end_session, name="account_end_session"),
    path("account/again/", entrance.AskPassword.as_view(), name="account_reauthenticate"),
    path("account/again/code/", entrance.AskCode.as_view(), name="mfa_reauthenticate"),
    path("account/again/passkey/", second_factor.AskPasskey.as_view(), name="mfa_reauthenticate_webauthn"),
    path("account/second-step/", entrance.SecondStep.as_view(), name="mfa_authenticate"),
    path("account/app/add/", second_factor.AddApp.as_view(), name="mfa_activate_totp"),
    path("account/app/remove/", second_factor.RemoveApp.as_view(), name="mfa_deactivate_totp"),
    path("account/recovery-codes/", second_factor.recovery_codes, name="mfa_view_recovery_codes"),
    path("account/recovery-codes/new/", second_factor.MakeRecoveryCodes.as_view(), name="mfa_generate_recovery_codes"),
    path("account/passkeys/add/", second_factor.AddPasskey.as_view(), name="mfa_add_webauthn"),
    path("account/passkeys/<int:pk>/remove/", second_factor.RemovePasskey.as_view(), name="mfa_remove_webauthn"),
    path("account/passkeys/sign-in/", second_factor.SignInByPasskey.as_view(), name="mfa_login_webauthn"),
    path("account/reset/", entrance.ask_reset, name="account_reset_password"),
    path("account/reset/asked/", entrance.reset_asked, name="account_reset_password_done"),
    path("account/reset/done/", entrance.new_password_set, name="account_reset_password_complete"),
    path("account/reset/<uidb64>/<token>/", entrance.NewPassword.as_view(), name="account_reset_password_from_key"),
    path("account/oidc/<str:provider_id>/", oidc.start, name="openid_connect_login"),
    path("account/oidc/<str:provider_id>/callback/", oidc.callback, name="openid_connect_callback"),
]
