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

django_application = get_asgi_application()

# These know the models, which exist from here on.
from notifications.live.hub import Hub  # noqa: E402
from notifications.live.streams import LiveStreams  # noqa: E402

# All streams of this process. `config.runtime.web` ends them when it stops.
hub = Hub(settings.REDIS_URL, settings.LIVE_STREAMS)

# A form may carry several files; each is measured by itself where it can be named.
application = BodyLimit(LiveStreams(django_application, hub), most=12 * settings.ATTACHMENT_BYTES)
