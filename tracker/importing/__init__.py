"""Problems from other trackers: a CSV export is read, judged row by row, and stored once.

csvfile   bytes -> records with the line that each begins in
rows      record -> the values of a problem, or the reason why not
links     pairs of duplicates -> who points to whom
loading   values -> rows of the database, in batches, safe to repeat
"""
