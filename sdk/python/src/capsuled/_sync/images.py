# Made by tools/make_sync.py from _async/images.py. Do not change it by hand.
"""Image archives that templates are built of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from .._contract.models import UploadedImage
from .._core.decode import decode
from .._core.request import make_request
from .transport import Transport

ARCHIVE = "application/octet-stream"


class Images:
    """Image archives: `client.images`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def upload(self, archive: bytes | BinaryIO | Iterable[bytes]) -> UploadedImage:
        """Uploads a tar archive of one image, as `docker save` writes it or of an OCI image layout; gzip and zstd are taken too.

        A template is built of it by `"from": {"image": {"archive": id}}`, within an hour after its last use. The same
        archive has the same id.

        Args:
            archive: Bytes, or what has any size and is sent as it is read: an open file, or an iterable of bytes. That is
                sent once: a connection that breaks meanwhile is an error, and nothing is kept.
        """
        if isinstance(archive, bytes):
            return self._transport.get(make_request("uploadImage", content=(archive, ARCHIVE)), UploadedImage)
        answer = self._transport.upload(make_request("uploadImage", headers={"Content-Type": ARCHIVE}), archive)
        return decode(UploadedImage, answer.json(), "the answer")

    def delete(self, id: str) -> None:
        """Removes an archive before its time; templates that were built of it stay."""
        self._transport.call(make_request("deleteImage", params={"id": id}))
