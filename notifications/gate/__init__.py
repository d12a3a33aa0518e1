"""The mail gate: a reply is a comment, a mail is a report.

A message is stored whole first (`storing`), whatever door it came by; a worker then reads it
(`parsing`, which knows no database), finds out whose it is (`senders`) and does what it says
(`acting`), in one transaction with the row that says so (`processing`).
"""
