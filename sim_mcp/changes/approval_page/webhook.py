"""Signatures of webhooks, as standardwebhooks.com describes them; libraries in many languages check them."""

import hmac
from base64 import b64decode, b64encode


def signed(secret: str, message_id: str, at: int, body: bytes) -> dict[str, str]:
    """Return the headers of a message: its id, the same for each try, its time in seconds, and its signature."""
    key = b64decode(secret.removeprefix("whsec_"))
    content = f"{message_id}.{at}.".encode() + body
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{b64encode(hmac.digest(key, content, 'sha256')).decode()}",
    }
