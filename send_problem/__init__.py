"""send-problem: report problems to a Groundswell server from the command line.

The package uses click, httpx and rich and nothing of the server, so that it can be carried to
another machine as one file (see ``send_problem.build_pyz``).
"""

__version__ = "0.1.0"
