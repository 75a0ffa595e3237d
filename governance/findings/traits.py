"""What an image's configuration and its package list show of it beside findings, as words that lists are filtered by.

| trait | when |
|---|---|
| root | the configuration names root or user 0 |
| root-implicit | the configuration names no user, which is root |
| healthcheck | a HEALTHCHECK is set |
| ports | it exposes a port |
| secret-env | an environment variable is named like a secret |
| no-shell | the whole package list is known and has no shell |
| no-package-manager | likewise, no package manager |
| distroless | a known distribution, without shell and package manager |
| scratch | the whole package list is known and has neither distribution nor system package |

A trait that is missing is no statement: without configuration or package list nothing is known. Traits are written
where risk is (`weigh.py`), in the same statement.
"""

from __future__ import annotations

WORDS = {
    "root": "Runs as root",
    "root-implicit": "Runs as root (no user set)",
    "healthcheck": "Has a health check",
    "ports": "Exposes ports",
    "secret-env": "Environment named like a secret",
    "no-shell": "No shell",
    "no-package-manager": "No package manager",
    "distroless": "Distroless",
    "scratch": "From scratch",
}
SHELLS = "'{bash,dash,busybox,busybox-static,ash,zsh,ksh,mksh,toybox,fish,tcsh,posh,yash}'::text[]"
MANAGERS = "'{apt,dpkg,apk-tools,rpm,dnf,dnf5,microdnf,yum,tdnf,zypper,pacman,opkg}'::text[]"
SYSTEM = "'{deb,rpm,apk,alpm}'::text[]"
# How variables that hold secrets are named; values are never kept.
SECRETIVE = r"'(^|_)(passw(or)?d|pwd|secret|token|api_?key|private_?key|access_?key|credentials?)(_|$)'"

# `shown` is the image. A package set is the whole list only where the scan that brought it says so.
FACTS = f"""
LEFT JOIN images_imageconfig config ON config.image_id = shown.id
LEFT JOIN findings_packageset listed ON listed.id = shown.package_set_id AND EXISTS (
    SELECT FROM findings_scan scan WHERE scan.image_id = shown.id AND scan.is_current AND scan.inventory
       AND scan.package_set_id = shown.package_set_id)
LEFT JOIN LATERAL (
    SELECT bool_or(package.name = ANY({SHELLS})) AS shell, bool_or(package.name = ANY({MANAGERS})) AS manager,
           bool_or(package.type = ANY({SYSTEM})) AS system
    FROM findings_package package WHERE package.id = ANY(listed.packages)
) holds ON listed.id IS NOT NULL
CROSS JOIN LATERAL (
    SELECT split_part(config."user", ':', 1) IN ('', '0', 'root') AS is_root,
           listed.id IS NOT NULL AND NOT coalesce(holds.shell, false) AS no_shell,
           listed.id IS NOT NULL AND NOT coalesce(holds.manager, false) AS no_manager
) facts
"""  # noqa: S608
TRAITS = f"""
array_remove(ARRAY[
    CASE WHEN split_part(config."user", ':', 1) IN ('0', 'root') THEN 'root' END,
    CASE WHEN split_part(config."user", ':', 1) = '' THEN 'root-implicit' END,
    CASE WHEN config.healthcheck THEN 'healthcheck' END,
    CASE WHEN cardinality(config.ports) > 0 THEN 'ports' END,
    CASE WHEN EXISTS (SELECT FROM unnest(config.env) name WHERE name ~* {SECRETIVE}) THEN 'secret-env' END,
    CASE WHEN facts.no_shell THEN 'no-shell' END,
    CASE WHEN facts.no_manager THEN 'no-package-manager' END,
    CASE WHEN facts.no_shell AND facts.no_manager AND shown.distro <> '' THEN 'distroless' END,
    CASE WHEN listed.id IS NOT NULL AND shown.distro = '' AND NOT coalesce(holds.system, false) THEN 'scratch' END
], NULL)::varchar[]
"""
