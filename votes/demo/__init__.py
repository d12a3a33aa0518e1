"""A tracker as it may look after two years: fictional products, people, problems and votes.

texts    the hand-written building blocks, and how a report is put together from them
stories  what becomes of each problem: planned from a seed, without a database
people   who takes part
filling  the plan is stored
"""
