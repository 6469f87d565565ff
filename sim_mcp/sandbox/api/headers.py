"""The headers of responses as recorded: what the gateway adds to all, and what each backend writes itself."""

import hashlib

from sim_mcp.sandbox.api.answers import Answer, Backend, Headers

_CONTENT_TYPES = {
    Backend.SCALA: "application/json; charset=UTF-8",
    Backend.PHP: "application/json",
    Backend.EXPRESS: "application/json; charset=utf-8",
    Backend.DEVICES: "application/json; charset=utf-8",
    Backend.EVENTS: "application/json; charset=utf-8",
    Backend.GATEWAY: "application/json",
}
_EMPTY_TYPES = _CONTENT_TYPES | {Backend.SCALA: "application/json", Backend.PHP: "text/html; charset=UTF-8"}
_FIRST_ERROR = 400
_ALLOWED = (
    "Authorization,DNT,X-CustomHeader,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,"
    "Content-Type,X-Count-Per-Page,X-Current-Page,X-Sort,X-Total-Count,X-Total-Pages"
)
_COMMON: Headers = [
    ("Access-Control-Allow-Headers", _ALLOWED),
    ("Access-Control-Allow-Methods", "GET, POST, PATCH, PUT, DELETE"),
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", f"{_ALLOWED},Location,X-Count,X-Per-Page,X-Pages,X-Page"),
    ("Access-Control-Max-Age", "86400"),
    ("Cache-Control", "max-age=0"),
    ("Server", "CloudFront"),
    ("Strict-Transport-Security", "max-age=31536000"),
    ("X-Amz-Cf-Pop", "TXL50-P4"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
]


def wire_headers(answer: Answer, date: str, number: int, seed: int) -> Headers:
    """Return all headers of an answer in the casing of its backend; number tells one request from another."""
    trace = hashlib.sha256(f"{seed}:{number}".encode()).hexdigest()
    written = (_CONTENT_TYPES if answer.body else _EMPTY_TYPES)[answer.backend]
    return [
        ("Content-Type", answer.content_type or written),
        *_COMMON,
        *_of_backend(answer, date),
        *answer.headers,
        ("Content-Length", str(len(answer.body))),
        ("Date", date),
        ("x-amzn-RequestId", f"{trace[:8]}-{trace[8:12]}-4{trace[13:16]}-8{trace[17:20]}-{trace[20:32]}"),
        ("x-amz-apigw-id", f"{trace[32:47]}="),
        ("X-Amzn-Trace-Id", f"Root=1-{trace[44:52]}-{trace[:24]};Sampled=0"),
        ("X-Cache", "Error from cloudfront" if answer.status >= _FIRST_ERROR else "Miss from cloudfront"),
        ("Via", f"1.1 {trace[:32]}.cloudfront.net (CloudFront)"),
        ("X-Amz-Cf-Id", f"{trace[8:62]}=="),
    ]


def _of_backend(answer: Answer, date: str) -> Headers:
    digest = hashlib.sha1(answer.body, usedforsecurity=False).hexdigest()[:27]
    tag, length = f'W/"{len(answer.body):x}-{digest}"', str(len(answer.body))
    match answer.backend:
        case Backend.SCALA:
            return [("x-amzn-Remapped-Content-Length", length), ("x-amzn-Remapped-Date", date)]
        case Backend.PHP:
            expires = [("Expires", date)] if answer.status < _FIRST_ERROR else []
            return [
                ("P3P", 'CP="NOI ADM DEV PSAi COM NAV OUR OTRo STP IND DEM"'),
                ("x-amzn-Remapped-Connection", "keep-alive"),
                ("x-amzn-Remapped-Date", date),
                ("x-amzn-Remapped-Server", "nginx"),
                *expires,
            ]
        case Backend.EXPRESS:
            return [("x-powered-by", "Express"), ("etag", tag), ("x-amzn-Remapped-content-length", length)]
        case Backend.DEVICES:
            return [("X-Powered-By", "Express"), ("Etag", tag), ("x-amzn-Remapped-Content-Length", length)]
        case Backend.EVENTS:
            return [
                ("x-dns-prefetch-control", "off"),
                ("x-download-options", "noopen"),
                ("x-xss-protection", "1; mode=block"),
                ("etag", tag),
                ("x-amzn-Remapped-connection", "close"),
                ("x-amzn-Remapped-content-length", length),
                ("x-amzn-Remapped-date", date),
            ]
        case Backend.GATEWAY:
            return []
