"""Patches, from the moment somebody sends one to the decision about it.

What is decided     deciding                integrated, declined, withdrawn, opened again
                    on_problems, unseen     what the problems that it fixes tell of it, and to whom
What pages show     overview, beside        its own page; those of problems, products and people
What holds it all   models, policies        rows; who may see and do what
                    locking, events         in which order rows are held; the history, written last
                    parsed                  the shape of a patch before it is a row
For other apps      signals, receivers      what it tells, and what it hears
                    searching, transfer     words of the search; tables of the archive
                    bell, tasks             what workers are told, and what they do

Folders: finding (bytes to a patch), intake (a patch becomes rows), git (what git does with one),
versions, reading (a diff as it is shown), reviews, waiting (whose turn, and the queue), owners (who
should look), web and api.
"""
