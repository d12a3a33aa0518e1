"""Problems from other trackers: an export is read, judged problem by problem, and stored once.

formats   bytes -> records, one module for each way of writing problems down
source    what a record is, whatever it was read from
words     what the words of the other tracker mean here, and the map files that say so
people    who of them is who here
rows      record -> the values of a problem, or the reason why not
links     pairs of duplicates -> who points to whom
planning  the first pass: everything is judged, nothing is written
storing   the second pass: values -> rows of the database, in batches, safe to repeat
"""
