"""The HTTP side: one server, one token, answers as values and failures as sentences."""

from __future__ import annotations

import contextlib
import platform
import ssl
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

# httpx's own command line would pull in all of pygments, which doubles the time of the start.
sys.modules.setdefault("httpx._main", cast(Any, None))
import httpx  # noqa: E402

from send_problem import __version__  # noqa: E402
from send_problem.answers import refusal  # noqa: E402
from send_problem.failures import (  # noqa: E402
    Exit,
    NotGroundswell,
    NotNow,
    NotSignedIn,
    Unreachable,
)
from send_problem.servers import timeout_seconds  # noqa: E402

API = "/api/v1/"
CONNECT_SECONDS = 15.0
MAX_ANSWER_BYTES = 20 * 1024 * 1024
MAX_FILE_BYTES = 200 * 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """A successful answer; ``data`` is the JSON object, empty for 204."""

    status: int
    data: dict[str, Any]


@dataclass(frozen=True)
class Upload:
    """A file to send; ``read`` is told how many bytes went out with each piece."""

    path: Path
    name: str
    content_type: str
    sent: Callable[[int], None]


class Link:
    """Requests to one server.

    ``patience`` is how many seconds in all may be spent on ``Retry-After``; ``waiting`` is told
    the seconds before each such pause. Redirects are never followed, so that the token goes to
    nobody but the server that it belongs to.
    """

    def __init__(
        self,
        server: str,
        token: str | None = None,
        *,
        patience: float = 30.0,
        waiting: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self.server = server
        self.reached = False
        self._most_bytes = MAX_ANSWER_BYTES
        self._token = token
        self.patience = patience
        self._waiting = waiting
        timeout = timeout_seconds()
        self._http = httpx.Client(
            transport=None,
            verify=_trust() if server.startswith("https:") else False,
            timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
            headers={
                "User-Agent": _user_agent(),
                "Accept": "application/json, application/problem+json",
            },
            follow_redirects=False,
        )

    def get(self, path: str, /, **params: Any) -> Answer:
        """``GET`` below ``/api/v1/``; parameters that are ``None`` are left out."""
        wanted = {k: v for k, v in params.items() if v is not None}
        return self._exchange(lambda: self._request("GET", path, params=wanted))

    def send(
        self, method: str, path: str, body: dict[str, Any] | None = None, key: str | None = None
    ) -> Answer:
        """A request with a JSON body; ``key`` is its ``Idempotency-Key``."""
        headers = {"Idempotency-Key": key} if key else {}
        return self._exchange(lambda: self._request(method, path, json=body, headers=headers))

    def upload(self, path: str, upload: Upload, key: str) -> Answer:
        """Stream one file as multipart ``file``.

        The boundary comes from the key, so that a retry is the same request byte for byte.
        """
        boundary = f"send-problem-{key}"
        headers = {
            "Idempotency-Key": key,
            "Content-Type": f"multipart/form-data; boundary={boundary}",
        }
        with upload.path.open("rb") as file:
            counted = cast(BinaryIO, _Counted(file, upload.sent))
            files = {"file": (upload.name, counted, upload.content_type)}
            return self._exchange(lambda: self._request("POST", path, files=files, headers=headers))

    def upload_all(
        self, path: str, fields: dict[str, Any], uploads: Sequence[Upload], key: str
    ) -> Answer:
        """Stream files as multipart ``file`` with the fields of a form, as ``upload`` does one."""
        headers = {
            "Idempotency-Key": key,
            "Content-Type": f"multipart/form-data; boundary=send-problem-{key}",
        }
        with contextlib.ExitStack() as stack:
            files = []
            for upload in uploads:
                file = stack.enter_context(upload.path.open("rb"))
                counted = cast(BinaryIO, _Counted(file, upload.sent))
                files.append(("file", (upload.name, counted, upload.content_type)))
            parts = {"data": fields, "files": files, "headers": headers}
            return self._exchange(lambda: self._request("POST", path, **parts))

    def download(self, path: str) -> bytes:
        """The bytes of a file below ``/api/v1/``."""
        self._most_bytes = MAX_FILE_BYTES
        while True:
            response, body = self._once(self._request("GET", path))
            pause = _pause_asked(response)
            if pause is None:
                break
            self._wait(response, pause)
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if response.status_code == 200 and kind == "text/plain":
            self.reached = True
            return body
        self._judge(response, body)
        raise NotGroundswell(_not_groundswell(self.server))

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def _request(self, method: str, path: str, **parts: Any) -> httpx.Request:
        request = self._http.build_request(method, f"{self.server}{API}{path}", **parts)
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _exchange(self, build: Callable[[], httpx.Request]) -> Answer:
        while True:
            response, body = self._once(build())
            pause = _pause_asked(response)
            if pause is None:
                return self._judge(response, body)
            self._wait(response, pause)

    def _wait(self, response: httpx.Response, pause: float) -> None:
        if pause > self.patience:
            raise _busy(self.server, response.status_code, pause)
        self.patience -= max(pause, 1.0)
        self._waiting(pause)
        time.sleep(pause)

    def _once(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        body = bytearray()
        try:
            response = self._http.send(request, stream=True)
            try:
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > self._most_bytes:
                        raise NotGroundswell(f"{self.server} sends an answer without end.")
            finally:
                response.close()
        except httpx.TransportError as error:
            raise Unreachable(_plain_words(error, self.server)) from error
        except httpx.RequestError as error:
            raise NotGroundswell(_not_groundswell(self.server)) from error
        return response, bytes(body)

    def _judge(self, response: httpx.Response, body: bytes) -> Answer:
        status = response.status_code
        if 300 <= status < 400:
            raise NotGroundswell(_moved(self.server, response))
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        is_json = kind == "application/json" or kind.endswith("+json")
        if status >= 500:
            raise NotNow(f"{self.server} has a fault of its own ({status}); try again later.")
        if status == 204:
            self.reached = True
            return Answer(status, {})
        data = _json_object(response, body) if is_json else None
        if data is None:
            raise NotGroundswell(_not_groundswell(self.server))
        self.reached = True
        if status == 401:
            raise NotSignedIn(_sign_in_again(self.server))
        if status >= 400:
            raise refusal(status, data)
        return Answer(status, data)


class _Counted:
    """A file that tells how many bytes are read from it."""

    def __init__(self, file: BinaryIO, told: Callable[[int], None]) -> None:
        self._file = file
        self._told = told
        self._count = 0

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self._count += len(piece)
        self._told(len(piece))
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        # httpx goes back to the start before each attempt.
        self._told(-self._count)
        self._count = 0
        return self._file.seek(offset, whence)

    def fileno(self) -> int:
        return self._file.fileno()


def _trust() -> ssl.SSLContext:
    """The system's certificates, and certifi's where the system has none."""
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    folder = Path(paths.capath) if paths.capath else None
    has_folder = folder is not None and folder.is_dir() and any(folder.iterdir())
    if not has_folder and not context.cert_store_stats()["x509_ca"]:
        import certifi

        # As text, because inside the one-file program there is no file that ssl could open.
        context.load_verify_locations(cadata=certifi.contents())
    return context


def _user_agent() -> str:
    return f"send-problem/{__version__} (Python {platform.python_version()})"


def _json_object(response: httpx.Response, body: bytes) -> dict[str, Any] | None:
    import json

    try:
        data = json.loads(body)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _pause_asked(response: httpx.Response) -> float | None:
    """Seconds to wait before the same request again, for 429 and 503; else ``None``."""
    if response.status_code not in {429, 503}:
        return None
    text = response.headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return 5.0


def _busy(server: str, status: int, pause: float) -> NotNow:
    words = "asks us to slow down" if status == 429 else "is not ready"
    length = f"{pause:.0f} s" if pause < 120 else f"{pause / 60:.0f} minutes"
    message = f"{server} {words}: try again in {length}."
    return NotNow(message, Exit.LATER, retry_after=round(pause))


def _sign_in_again(server: str) -> str:
    return (
        f"{server} does not know this system (any more): run"
        " 'send-problem login you@example.org' with your address."
    )


def _not_groundswell(server: str) -> str:
    return f"{server} answers, but not as a Groundswell server: is the address right?"


def _moved(server: str, response: httpx.Response) -> str:
    target = httpx.URL(server).join(response.headers.get("location", "/"))
    port = f":{target.port}" if target.port else ""
    return (
        f"{server} sends us on to {target.scheme}://{target.host}{port}, and send-problem does"
        " not follow, because your token is not for others. If that is the right server, name it"
        " with --server."
    )


def _plain_words(error: httpx.TransportError, server: str) -> str:
    host = httpx.URL(server).host
    cause = _tls_cause(error)
    if cause is not None:
        return _tls_words(cause, host)
    text = str(error).lower()
    if isinstance(error, httpx.TimeoutException):
        waited = timeout_seconds()
        if isinstance(error, httpx.ConnectTimeout):
            waited = min(waited, CONNECT_SECONDS)
        return f"{server} does not answer (waited {waited:.0f} s)."
    if isinstance(error, httpx.ProxyError):
        return f"The proxy on the way to {server} refuses: {error}."
    if any(words in text for words in ("name or service", "nodename", "name resolution")):
        return f"There is no host named {host}, or no network."
    if "refused" in text:
        return f"{server} refuses the connection: the server is down or the port is wrong."
    if "unreachable" in text or "no route" in text:
        return f"There is no way to {host}: the network is down."
    if isinstance(error, httpx.RemoteProtocolError) and "illegal" in text:
        return f"{server} does not speak HTTP: is the port right?"
    return f"The connection to {server} broke off."


def _tls_cause(error: BaseException) -> ssl.SSLError | None:
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, ssl.SSLError):
        seen = seen.__cause__ or seen.__context__
    return seen


def _tls_words(error: ssl.SSLError, host: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message or ""
        if "self-signed" in reason or "self signed" in reason or "issuer" in reason:
            fault = "is signed by nobody that this system trusts"
            return (
                f"The certificate of {host} {fault}; SSL_CERT_FILE can name a file with the"
                " authority's certificate. Nothing was sent."
            )
        if "expired" in reason:
            return f"The certificate of {host} has expired. Nothing was sent."
        if "not yet valid" in reason:
            return f"The certificate of {host} is not valid yet: is the clock right?"
        if "mismatch" in reason or "not valid for" in reason:
            return f"The certificate that {host} shows is for another name. Nothing was sent."
        return f"The certificate of {host} is not good: {reason}. Nothing was sent."
    if "WRONG_VERSION" in str(error) or "HTTP_REQUEST" in str(error):
        return f"{host} does not speak https on this port: is it an http:// address?"
    return f"No encrypted connection to {host} can be made ({error.reason or error})."
