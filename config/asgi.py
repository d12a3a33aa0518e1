"""The ASGI application that uvicorn serves."""

import os
import warnings

from django.conf import settings
from django.core.asgi import get_asgi_application

from config.body_limit import BodyLimit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Static files are small: one that is read whole does no harm. Downloads stream by themselves.
warnings.filterwarnings(
    "ignore", message="StreamingHttpResponse must consume synchronous iterators"
)

# A form may carry several files; each is measured by itself where it can be named.
application = BodyLimit(get_asgi_application(), most=12 * settings.ATTACHMENT_BYTES)
