"""Pages that are open hear of news: publishing, one listener per process, one stream per page.

What travels is never content: a number in Redis, a stamp on the stream. The page then fetches
what is new by a request of its own, which is authorised like any other.
"""
