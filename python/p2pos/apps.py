"""
Apps, the tenants of a system: their quotas, tokens and use. With the operator's token, or one of ``default`` with
``apps:*``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .answers import (
    AppsAuditEntriesItem,
    AppsCreateToken,
    AppsDelete,
    AppsGet,
    AppsListAppsItem,
    AppsListTokensTokensItem,
    AppsPut,
    AppsResume,
    AppsRotateToken,
    AppsSuspend,
    AppsUsage,
)
from .caller import Call
from .portal import Portal
from .wire import duration


class AsyncApps:
    def __init__(self, call: Call) -> None:
        self._call = call

    async def list(self, *, timeout_ms: int | None = None) -> Sequence[AppsListAppsItem]:
        found: list[AppsListAppsItem] = (await self._call("apps.list", {}, timeout_ms))["apps"]
        return found

    async def get(self, app: str, *, timeout_ms: int | None = None) -> AppsGet:
        """Raises APP_NOT_FOUND."""
        found: AppsGet = await self._call("apps.get", {"app": app}, timeout_ms)
        return found

    async def put(
        self, app: str, *, quotas: Mapping[str, int] | None = None, timeout_ms: int | None = None
    ) -> AppsPut:
        """Makes it; of one that is there sets the quotas: requests, messages, storedBytes, databases."""
        body = {} if quotas is None else {"quotas": dict(quotas)}
        done: AppsPut = await self._call("apps.put", {"app": app, "body": body}, timeout_ms)
        return done

    async def suspend(self, app: str, *, timeout_ms: int | None = None) -> AppsSuspend:
        done: AppsSuspend = await self._call("apps.suspend", {"app": app}, timeout_ms)
        return done

    async def resume(self, app: str, *, timeout_ms: int | None = None) -> AppsResume:
        done: AppsResume = await self._call("apps.resume", {"app": app}, timeout_ms)
        return done

    async def delete(self, app: str, *, confirm: str, timeout_ms: int | None = None) -> AppsDelete:
        """With all its data and tokens, for good; ``confirm`` is its name again."""
        fields = {"app": app, "confirm": confirm}
        done: AppsDelete = await self._call("apps.delete", fields, timeout_ms)
        return done

    async def usage(self, app: str, *, timeout_ms: int | None = None) -> AppsUsage:
        found: AppsUsage = await self._call("apps.usage", {"app": app}, timeout_ms)
        return found

    async def tokens(
        self, app: str, *, timeout_ms: int | None = None
    ) -> Sequence[AppsListTokensTokensItem]:
        fields = {"app": app}
        found: list[AppsListTokensTokensItem] = (
            await self._call("apps.listTokens", fields, timeout_ms)
        )["tokens"]
        return found

    async def create_token(
        self,
        app: str,
        grants: Sequence[str],
        *,
        label: str | None = None,
        expires_in_ms: int | None = None,
        timeout_ms: int | None = None,
    ) -> AppsCreateToken:
        """Grants as ``kv:read`` or ``kv:write@orders/``. The secret, ``token``, is in this answer only."""
        body: dict[str, Any] = {"grants": list(grants)}
        if label is not None:
            body["label"] = label
        if expires_in_ms is not None:
            body["expiresIn"] = duration(expires_in_ms)
        fields = {"app": app, "body": body}
        made: AppsCreateToken = await self._call("apps.createToken", fields, timeout_ms)
        return made

    async def rotate_token(
        self, app: str, token: str, *, grace_ms: int | None = None, timeout_ms: int | None = None
    ) -> AppsRotateToken:
        """A new token, by the id of the old one, which ends after ``grace_ms``, by default at once."""
        fields = {"app": app, "token": token}
        if grace_ms is not None:
            fields["graceMs"] = duration(grace_ms)
        made: AppsRotateToken = await self._call("apps.rotateToken", fields, timeout_ms)
        return made

    async def revoke_token(self, app: str, token: str, *, timeout_ms: int | None = None) -> bool:
        """By its id; whether it was there."""
        fields = {"app": app, "token": token}
        done = await self._call("apps.revokeToken", fields, timeout_ms)
        existed: bool = done["existed"]
        return existed

    async def audit(
        self, *, limit: int | None = None, timeout_ms: int | None = None
    ) -> Sequence[AppsAuditEntriesItem]:
        """Administrative calls, the newest first."""
        fields = {} if limit is None else {"limit": str(limit)}
        found: list[AppsAuditEntriesItem] = (await self._call("apps.audit", fields, timeout_ms))[
            "entries"
        ]
        return found


class Apps:
    """As :class:`AsyncApps`, for code without an event loop."""

    def __init__(self, portal: Portal, apps: AsyncApps) -> None:
        self._portal = portal
        self._apps = apps

    def list(self, *, timeout_ms: int | None = None) -> Sequence[AppsListAppsItem]:
        return self._portal.run(self._apps.list(timeout_ms=timeout_ms))

    def get(self, app: str, *, timeout_ms: int | None = None) -> AppsGet:
        return self._portal.run(self._apps.get(app, timeout_ms=timeout_ms))

    def put(
        self, app: str, *, quotas: Mapping[str, int] | None = None, timeout_ms: int | None = None
    ) -> AppsPut:
        return self._portal.run(self._apps.put(app, quotas=quotas, timeout_ms=timeout_ms))

    def suspend(self, app: str, *, timeout_ms: int | None = None) -> AppsSuspend:
        return self._portal.run(self._apps.suspend(app, timeout_ms=timeout_ms))

    def resume(self, app: str, *, timeout_ms: int | None = None) -> AppsResume:
        return self._portal.run(self._apps.resume(app, timeout_ms=timeout_ms))

    def delete(self, app: str, *, confirm: str, timeout_ms: int | None = None) -> AppsDelete:
        return self._portal.run(self._apps.delete(app, confirm=confirm, timeout_ms=timeout_ms))

    def usage(self, app: str, *, timeout_ms: int | None = None) -> AppsUsage:
        return self._portal.run(self._apps.usage(app, timeout_ms=timeout_ms))

    def tokens(
        self, app: str, *, timeout_ms: int | None = None
    ) -> Sequence[AppsListTokensTokensItem]:
        return self._portal.run(self._apps.tokens(app, timeout_ms=timeout_ms))

    def create_token(
        self,
        app: str,
        grants: Sequence[str],
        *,
        label: str | None = None,
        expires_in_ms: int | None = None,
        timeout_ms: int | None = None,
    ) -> AppsCreateToken:
        return self._portal.run(
            self._apps.create_token(
                app, grants, label=label, expires_in_ms=expires_in_ms, timeout_ms=timeout_ms
            )
        )

    def rotate_token(
        self, app: str, token: str, *, grace_ms: int | None = None, timeout_ms: int | None = None
    ) -> AppsRotateToken:
        return self._portal.run(
            self._apps.rotate_token(app, token, grace_ms=grace_ms, timeout_ms=timeout_ms)
        )

    def revoke_token(self, app: str, token: str, *, timeout_ms: int | None = None) -> bool:
        return self._portal.run(self._apps.revoke_token(app, token, timeout_ms=timeout_ms))

    def audit(
        self, *, limit: int | None = None, timeout_ms: int | None = None
    ) -> Sequence[AppsAuditEntriesItem]:
        return self._portal.run(self._apps.audit(limit=limit, timeout_ms=timeout_ms))
