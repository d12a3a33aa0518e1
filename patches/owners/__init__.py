"""Who looks after which files, and so who should look at a patch.

`areas` says who is asked for which path, `codeowners` and `maintainers` read the files in which
projects write that down, and `keeping` changes what a product says of itself. `requests` asks them,
and `suggesting` knows who else could review.
"""

from patches.owners.areas import Owner, components_of, owners_of, owners_of_patch

__all__ = ["Owner", "components_of", "owners_of", "owners_of_patch"]
