"""How patches come in: found in what people send or handed in, and which are versions of which.

looking     in files, comments, reports and mails, each looked at once
unlooked    what nobody has looked at yet
following   whether it is a version of a patch that is there; telling says it to the sender
submitting  a new patch, a new version, other words about one
regrouping  what was grouped wrongly, put right by hand
"""
