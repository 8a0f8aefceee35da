"""Uploads a file with tuspy; prints the upload's address.

python tuspy_upload.py ENDPOINT FILE NAME CHUNK [STOP_AT [URL]]: with STOP_AT it stops there, with URL it goes on.
"""

import sys

from tusclient.client import TusClient

endpoint, file, name, chunk, *rest = sys.argv[1:]
stop_at = int(rest[0]) if rest and rest[0] else None
uploader = TusClient(endpoint).uploader(
    file_path=file,
    chunk_size=int(chunk),
    metadata={"filename": name},
    upload_checksum=True,
    url=rest[1] if len(rest) > 1 else None,
    retries=5,
    retry_delay=1,
)
uploader.upload(stop_at=stop_at)
print(uploader.url)
