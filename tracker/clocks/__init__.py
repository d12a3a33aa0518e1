"""What the tracker watches by itself, so that no problem is forgotten: see `docs/clocks.md`.

rules      when a clock runs, starts anew and is due, without a database
keeping    the rows: kept in step with events and votes, made in batches for imported problems
acting     what is due: claimed once, acted on, written into history
settings   how a product wants its clocks
"""
