"""The forms of accounts: allauth's in our words, and our own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from zoneinfo import available_timezones

from allauth.account import forms as allauth_forms
from django import forms
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse

from accounts.handles import check_handle
from accounts.models import Person
from accounts.services import AddressTaken, begin_sign_up, release_address

# What a browser asked for at sign-up, kept in its session until the code is typed there.
WISHES = "sign_up_wishes"

ADDRESS = "E-mail address"
PASSWORD_RULE = "At least 10 characters, and not a common one. A few unrelated words are good."  # noqa: S105
HANDLE_RULE = (
    "The name that others see beside what you write. Your address is never shown."
    " Letters, digits, dots, dashes and underscores."
)


# Name of a field -> its label and its help.
Words = Mapping[str, tuple[str, str]]


class InOurWords:
    """Labels and help of ours, and no grey words inside the boxes."""

    words: ClassVar[Words] = {
        "email": (ADDRESS, ""),
        "login": (ADDRESS, ""),
        "code": ("Code", ""),
        "oldpassword": ("Current password", ""),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, forms.Field] = self.fields  # type: ignore[attr-defined]
        for name, field in fields.items():
            field.widget.attrs.pop("placeholder", None)
            if name in self.words:
                field.label, field.help_text = self.words[name]


class SignUpForm(InOurWords, allauth_forms.SignupForm):
    """E-mail address, handle, and a password for those who want one."""

    words: ClassVar[Words] = {
        "email": (ADDRESS, "We mail a code to it. Nobody else sees it."),
        "username": ("Handle", HANDLE_RULE),
        "password1": ("Password", PASSWORD_RULE + " Leave it empty to sign in by mailed codes."),
    }

    account_already_exists: bool

    def validate_unique_email(self, value: str) -> str:
        """An account that waits for its first code may be signed up for again."""
        email: str = super().validate_unique_email(value)
        waiting = Person.objects.filter(
            email__iexact=email, email_confirmed_at=None, is_active=True
        ).exists()
        self.account_already_exists = self.account_already_exists and not waiting
        return email

    def try_save(self, request: HttpRequest) -> tuple[Person | None, HttpResponse | None]:
        """Do the same work and say the same whether or not the address is known."""
        request.session[WISHES] = {
            "email": self.cleaned_data["email"],
            "handle": self.cleaned_data["username"],
            "password": make_password(self.cleaned_data.get("password1") or None),
        }
        if not self.account_already_exists:
            try:
                return begin_sign_up(self.cleaned_data["email"]), None
            except AddressTaken:
                self.account_already_exists = True
        answer: tuple[None, HttpResponse] = super().try_save(request)
        return answer


class SignInForm(InOurWords, allauth_forms.LoginForm):
    """One form, two ways: with the password, or without it and then by a mailed code."""

    words: ClassVar[Words] = {"login": (ADDRESS, ""), "password": ("Password", "")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].required = False

    def clean_password(self) -> str:
        """Browsers fill passwords in unasked; the button that was pressed decides."""
        password: str = self.cleaned_data["password"]
        return "" if "by_code" in self.data else password


class RequestCodeForm(InOurWords, allauth_forms.RequestLoginCodeForm):
    """Only the address: a code is mailed to it."""


class ResetPasswordForm(InOurWords, allauth_forms.ResetPasswordForm):
    """The address whose password is forgotten."""


class NewPasswordForm(InOurWords, allauth_forms.ResetPasswordKeyForm):
    """A new password, after the code was typed."""

    words: ClassVar[Words] = {
        "password1": ("New password", PASSWORD_RULE),
        "password2": ("The same again", ""),
    }


class ChangePasswordForm(InOurWords, allauth_forms.ChangePasswordForm):
    """From a known password to a new one."""

    words: ClassVar[Words] = {**InOurWords.words, **NewPasswordForm.words}


class SetPasswordForm(InOurWords, allauth_forms.SetPasswordForm):
    """A first password for somebody who signs in by codes."""

    words: ClassVar[Words] = NewPasswordForm.words


class ChangeAddressForm(InOurWords, allauth_forms.AddEmailForm):
    """A new address, which is used once its code is typed."""

    words: ClassVar[Words] = {
        "email": ("New e-mail address", "We mail a code to it. It changes once you type it.")
    }


class ReauthenticateForm(InOurWords, allauth_forms.ReauthenticateForm):
    """The password once more before something that cannot be undone."""

    words: ClassVar[Words] = {"password": ("Password", "")}


class SignInCodeForm(InOurWords, allauth_forms.ConfirmLoginCodeForm):
    """The code of a sign-in mail."""


class AddressCodeForm(InOurWords, allauth_forms.ConfirmEmailVerificationCodeForm):
    """The code that proves an address."""

    user: Person | None
    email: str

    def clean_code(self) -> str:
        """Whoever reads the mailbox gets the address, whoever else tried to sign up with it."""
        code: str = allauth_forms.BaseConfirmCodeForm.clean_code(self)
        if self.user is not None:
            release_address(self.email, keep=self.user)
        super().clean_code()
        return code


class ResetCodeForm(InOurWords, allauth_forms.ConfirmPasswordResetCodeForm):
    """The code of a password mail."""


class FirstAdministratorForm(forms.Form):
    """Who the first administrator is. No enumeration to fear: only the operator has the link."""

    email = forms.EmailField(
        label=ADDRESS, max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    handle = forms.CharField(
        max_length=40,
        help_text=HANDLE_RULE,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )
    password = forms.CharField(
        strip=False,
        help_text=PASSWORD_RULE,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()
        if Person.objects.filter(email__iexact=email).exists():
            raise ValidationError("Somebody has signed up with this address; use another one.")
        return email

    def clean_handle(self) -> str:
        return check_handle(self.cleaned_data["handle"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        person = Person(email=cleaned.get("email", ""), handle=cleaned.get("handle", ""))
        try:
            validate_password(cleaned.get("password", ""), person)
        except ValidationError as error:
            if "password" in cleaned:
                self.add_error("password", error)
        return cleaned


def time_zone_choices() -> list[tuple[str, str]]:
    """UTC first, then the places of the tz database."""
    places = sorted(name for name in available_timezones() if "/" in name and name[0].isupper())
    places = [name for name in places if not name.startswith(("Etc/", "SystemV/", "US/"))]
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in places)]


class ProfileForm(forms.Form):
    """What a person may change about how they appear and at which hours they live."""

    handle = forms.CharField(
        max_length=40,
        help_text=HANDLE_RULE,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )
    time_zone = forms.ChoiceField(
        choices=time_zone_choices, help_text="Digests come at the hour you choose, in this zone."
    )

    def __init__(self, *args: Any, person: Person, **kwargs: Any) -> None:
        self.person = person
        super().__init__(*args, **kwargs)

    def clean_handle(self) -> str:
        handle: str = self.cleaned_data["handle"]
        return handle if handle == self.person.handle else check_handle(handle, self.person)


class TokenForm(forms.Form):
    """The system that a new token is for."""

    name = forms.CharField(
        label="System",
        max_length=100,
        help_text="Where the token will live, so that you know which one to revoke.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
