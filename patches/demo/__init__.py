"""Patches of the demonstration: for each turn one, one that was forgotten, and some decided.

texts    the files that they change, and what is said of them
filling  the plan is carried out by the services, each step at its time
"""
