"""Django's admin, to look into rows. Changes are made on the product's own pages.

Those pages ask who may, keep the history and recount what depends on it; a form over the bare
table would do none of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.http import HttpRequest

from accounts.models import AccessToken, AccountEvent, Person, RoleGrant

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    # Generic in its stubs only.
    ModelAdmin = admin.ModelAdmin

# One way to sign in, with its limits and codes, for these pages too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "Groundswell: rows"
admin.site.index_title = "Look only; change things on the pages of the product"


class LookOnly(ModelAdmin):
    """Administrators may look at every row and change none."""

    show_full_result_count = False
    list_per_page = 50

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_staff", False))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Person)
class PersonAdmin(LookOnly):
    list_display = ("handle", "email", "joined_at", "email_confirmed_at", "is_active")
    list_filter = ("is_active", "role_grants__role")
    search_fields = ("handle", "email")
    ordering = ("-id",)
    exclude = ("password", "groups", "user_permissions")


@admin.register(RoleGrant)
class RoleGrantAdmin(LookOnly):
    list_display = ("person", "role", "granted_by", "granted_at")
    list_filter = ("role",)
    list_select_related = ("person", "granted_by")


@admin.register(AccessToken)
class AccessTokenAdmin(LookOnly):
    list_display = ("name", "person", "prefix", "created_at", "last_used_at", "revoked_at")
    list_select_related = ("person",)
    exclude = ("digest",)


@admin.register(AccountEvent)
class AccountEventAdmin(LookOnly):
    list_display = ("at", "kind", "person", "actor", "detail")
    list_filter = ("kind",)
    list_select_related = ("person", "actor")
