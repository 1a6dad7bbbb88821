"""What the demo asks of the hub: its public API and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

Row = dict[str, Any]


class HubApi:
    """A client with the token of the first start."""

    def __init__(self, url: str, token_file: Path) -> None:
        self._token_file = token_file
        self._http = httpx.Client(base_url=f"{url}/api/v1", timeout=60)

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Row:
        return self._read(self._http.get(path, params=query, headers=self._headers()))

    def post(self, path: str, body: Row, *, key: str | None = None) -> Row:
        """`key`: the Idempotency-Key, for what must not be done twice when an answer is lost."""
        headers = self._headers() | ({"Idempotency-Key": key} if key else {})
        return self._read(self._http.post(path, json=body, headers=headers))

    def all(self, path: str, **query: Any) -> Iterator[Row]:
        """Every item of a list, page by page."""
        while True:
            page = self.get(path, limit=500, **query)
            yield from page["items"]
            if page["next"] is None:
                return
            query["cursor"] = page["next"]

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token_file.read_text(encoding='ascii').strip()}"}

    def _read(self, reply: httpx.Response) -> Row:
        reply.raise_for_status()
        answer: Row = reply.json()
        return answer


def away(error: httpx.HTTPError) -> bool:
    """Is the hub just not there, or not ready, rather than refusing what was asked?"""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= 500
    return isinstance(error, httpx.TransportError)
