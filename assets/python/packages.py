"""Tells the installed packages as one JSON object, name to version.

A package that comes from a repository has its revision behind the version: "26.10.8 (3f2c1a0b9d8e)". It is read from
what pip noted, or from the repository in which the package lies. Changes that are not committed are not seen.
"""

import importlib.metadata
import json
import os
import re
import sys
import urllib.parse
import urllib.request

SHOWN = 12


def line(*path):
    try:
        with open(os.path.join(*path), encoding="utf-8", errors="replace") as file:
            return file.readline().strip()
    except OSError:
        return ""


def head(git):
    """Reads the revision of a repository, whose files lie in the directory git."""
    first = line(git, "HEAD")
    if not first.startswith("ref: "):
        return first
    name = first[5:].strip()
    common = os.path.join(git, line(git, "commondir") or ".")
    found = line(git, name) or line(common, name)
    if found:
        return found
    try:
        with open(os.path.join(common, "packed-refs"), encoding="utf-8", errors="replace") as file:
            for packed in file:
                revision, _, of = packed.strip().partition(" ")
                if of == name:
                    return revision
    except OSError:
        pass
    return ""


def repository(place):
    """Reads the revision of the repository in which a directory lies; empty where it lies in none."""
    while True:
        git = os.path.join(place, ".git")
        if os.path.isdir(git):
            return head(git)
        if os.path.isfile(git):
            return head(os.path.join(place, line(git).partition("gitdir: ")[2]))
        above = os.path.dirname(place)
        if above == place:
            return ""
        place = above


def revision(distribution):
    try:
        direct = json.loads(distribution.read_text("direct_url.json") or "{}")
    except ValueError:
        direct = {}
    commit = (direct.get("vcs_info") or {}).get("commit_id")
    if commit:
        return str(commit)
    if (direct.get("dir_info") or {}).get("editable"):
        return repository(urllib.request.url2pathname(urllib.parse.urlsplit(direct.get("url") or "").path))
    if direct:
        return ""
    # Installed by an old pip, it lies outside and says nothing of it.
    place = os.path.realpath(str(distribution.locate_file("")))
    packages = re.search(r"[/\\](site|dist)-packages([/\\]|$)", place)
    return "" if packages else repository(place)


def told(distribution):
    found = revision(distribution)
    return distribution.version + (" (%s)" % found[:SHOWN] if re.match(r"^[0-9a-f]{7,}$", found) else "")


packages = {}
for distribution in importlib.metadata.distributions():
    name = distribution.metadata["Name"]
    # What pip has set aside and could not delete before it was killed. Of two of one name the first is imported.
    aside = os.path.basename(str(getattr(distribution, "_path", ""))).startswith("~")
    if name and not aside and name not in packages:
        packages[name] = told(distribution)
json.dump(packages, sys.stdout)
