"""The composition root: settings, URLs, the task queue and the supervisor. Nothing imports it."""
