STOP_WORDS = frozenset("a an and are as at be but by for from had has have if in into is it its of on or that the their then there these this to was we were when where which will with you your i my me so do does did not no can".split())
import snowballstemmer
from functools import lru_cache
_s=snowballstemmer.stemmer("english")
import os
MODE=os.environ.get("STEM","snow")
@lru_cache(maxsize=200000)
def stem(w):
    if MODE=="none": return w
    if MODE=="s":
        if len(w)>3 and w.endswith('ies'): return w[:-3]+'y'
        if len(w)>3 and w.endswith('s') and not w.endswith(('ss','us','is')): return w[:-1]
        return w
    return _s.stemWord(w)
