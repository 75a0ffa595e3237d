"""The statement behind an image's timeline: one row for each thing that happened, out of all tables that know of it.

Nothing is written down for the timeline alone, except events (`images.Event`) of which no table keeps anything. Each
row is (when, kind, place, id, what the words are made of), see `timeline.KINDS`; an id with its kind is unique.
"""

from __future__ import annotations

from governance.policy.exempting import CHAIN, IN_SCOPE, JOINED

# A scan of a key that was there before is one more look; what it saw is compared with the last that looked.
SCANS = """
scan AS MATERIALIZED (
    SELECT id, scanner, stage, outcome, error, scanned_at, delivery, finding_set_id,
           lag(finding_set_id) OVER turn AS before, row_number() OVER turn AS turn
    FROM findings_scan WHERE image_id = %(image)s AND scanner <> 'portwarden-agent'
    WINDOW turn AS (PARTITION BY scanner, stage, outcome = 'assessed' ORDER BY scanned_at, received_at, delivery, id)
), scanned AS (
    SELECT scanned_at, CASE WHEN outcome = 'failed' THEN 'scan_failed' WHEN turn = 1 THEN 'scanned'
                            ELSE 'rescanned' END, stage, scan.id, jsonb_build_object(
               'scanner', scanner, 'outcome', outcome, 'error', error, 'report', delivery,
               'same', scan.before = scan.finding_set_id,
               'found', jsonb_build_array(s.critical, s.high, s.medium, s.low, s.unknown),
               'before', CASE WHEN b.id IS NOT NULL
                   THEN jsonb_build_array(b.critical, b.high, b.medium, b.low, b.unknown) END)
    FROM scan JOIN findings_findingset s ON s.id = scan.finding_set_id LEFT JOIN findings_findingset b ON b.id = before
)"""

# What is critical or known to be exploited and was not there when the same scanner looked at the same place before;
# nobody else had said it either. The first look of each brings no news. Of a long history the last looks that saw
# something else than the one before are compared. What `osv` matches is there since its record is.
ARRIVALS = """
look AS (
    SELECT *, row_number() OVER (PARTITION BY scanner, stage ORDER BY scanned_at, id) AS nth FROM (
        SELECT * FROM scan WHERE outcome = 'assessed' AND scanner <> 'osv' AND before IS DISTINCT FROM finding_set_id
        ORDER BY scanned_at DESC, id DESC LIMIT 100) newest
), held AS MATERIALIZED (
    SELECT look.id, look.nth, look.scanned_at, unnest(s.findings) AS finding
    FROM look JOIN findings_findingset s ON s.id = look.finding_set_id
), grave AS MATERIALIZED (
    SELECT finding.id, vulnerability.id AS vulnerability, vulnerability.name, vulnerability.kev_added AS exploited,
           advisory.name AS advisory
    FROM (SELECT finding FROM held UNION
          SELECT unnest(s.findings) FROM scan JOIN findings_findingset s ON s.id = scan.finding_set_id
          WHERE scanner = 'osv') one
    JOIN findings_finding finding ON finding.id = one.finding
    JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
    JOIN findings_vulnerability vulnerability ON vulnerability.id = advisory.vulnerability_id
    WHERE finding.severity = 5 OR vulnerability.kev_added IS NOT NULL
), matched AS (
    SELECT scan.id, grave.vulnerability, grave.name, grave.exploited, record.first_seen AS at
    FROM scan JOIN findings_findingset s ON s.id = scan.finding_set_id JOIN grave ON grave.id = ANY(s.findings)
    CROSS JOIN findings_osvecosystem ecosystem
    JOIN findings_osvrecord record ON record.ecosystem_id = ecosystem.id AND record.name = grave.advisory
    WHERE scan.scanner = 'osv'
), arrival AS MATERIALIZED (
    SELECT DISTINCT ON (vulnerability) * FROM (
        SELECT held.id, grave.vulnerability, grave.name, grave.exploited, held.scanned_at AS at, held.nth > 1 AS is_news
        FROM held JOIN grave ON grave.id = held.finding
      UNION ALL
        SELECT id, vulnerability, name, exploited, at,
               at > (SELECT min(scanned_at) FROM scan WHERE outcome <> 'failed' AND scanner <> 'osv') FROM matched
    ) told ORDER BY vulnerability, at, is_news
), arrived AS (
    SELECT arrival.at, 'new_cve', scan.stage, min(arrival.vulnerability), jsonb_build_object(
               'names', array_agg(name ORDER BY exploited IS NULL, name), 'exploited', count(exploited),
               'scanner', scan.scanner, 'report', scan.delivery)
    FROM arrival JOIN scan ON scan.id = arrival.id WHERE is_news
    GROUP BY arrival.at, scan.stage, scan.scanner, scan.delivery
), exploited AS (
    SELECT exploited::timestamp AT TIME ZONE 'UTC', 'exploited', '', min(vulnerability),
           jsonb_build_object('names', array_agg(name ORDER BY name))
    FROM arrival WHERE exploited > (at AT TIME ZONE 'UTC')::date GROUP BY exploited
)"""

# A digest of a manifest is a registry's: before one was told, the image may have been a name in a build alone. Engines
# that pack an image anew for each push have digests of their own before, so that the registry's word goes first.
NAMES = """
pushed AS (
    SELECT greatest(place.first_seen, told.at), 'pushed', 'registry', place.id, jsonb_build_object(
               'repository', place.repository_id, 'name', registry.host || '/' || repository.name)
    FROM images_placement place JOIN images_repository repository ON repository.id = place.repository_id
    JOIN images_registry registry ON registry.id = repository.registry_id
    CROSS JOIN (SELECT coalesce(min(first_seen) FILTER (WHERE source = 'registry config'), min(first_seen)) AS at
                FROM images_manifest WHERE image_id = %(image)s) told
    WHERE place.image_id = %(image)s AND (told.at IS NOT NULL OR place.last_seen IS NOT NULL)
), named AS MATERIALIZED (
    SELECT tag.id, tag.since, tag.until, tag.repository_id,
           registry.host || '/' || repository.name || ':' || tag.name AS name,
           follower.id AS follower, follower.owners
    FROM images_tag tag JOIN images_repository repository ON repository.id = tag.repository_id
    JOIN images_registry registry ON registry.id = repository.registry_id
    LEFT JOIN LATERAL (
        SELECT image.id, image.owners FROM images_tag other JOIN images_image image ON image.id = other.image_id
        WHERE other.repository_id = tag.repository_id AND other.name = tag.name AND other.since = tag.until
          AND other.image_id <> tag.image_id ORDER BY other.platform = tag.platform DESC, other.id LIMIT 1
    ) follower ON true
    WHERE tag.image_id = %(image)s
), tagged AS (
    SELECT since, 'tagged', 'registry', id, jsonb_build_object('name', name, 'repository', repository_id) FROM named
), untagged AS (
    SELECT until, CASE WHEN follower IS NULL THEN 'vanished' ELSE 'superseded' END, 'registry', -id, jsonb_build_object(
               'name', name, 'repository', repository_id, 'follower', follower,
               'visible', %(all)s OR follower IS NOT NULL AND owners && %(teams)s::bigint[])
    FROM named WHERE until IS NOT NULL AND (follower IS NOT NULL OR NOT EXISTS (
        SELECT FROM images_event event WHERE event.image_id = %(image)s AND event.at = named.until
           AND event.kind IN ('vanished', 'repointed')))
), deleted AS (
    SELECT item.at, 'deleted', 'registry', item.id, jsonb_build_object(
               'rule', item.rule, 'run', item.run_id, 'visible', %(all)s,
               'name', registry.host || '/' || repository.name)
    FROM approvals_retentionitem item JOIN images_repository repository ON repository.id = item.repository_id
    JOIN images_registry registry ON registry.id = repository.registry_id
    WHERE item.image_id = %(image)s AND item.state = 'deleted' AND item.at IS NOT NULL
)"""

# Of a base only what makes it another thing to build on. That a tag moved, or a base vanished, is told once, though the
# watch and the crawl of its registry both find out.
EVENTS = """
noted AS (
    SELECT at, kind, CASE WHEN kind IN ('judged', 'owned', 'based', 'corrected', 'merged') THEN ''
                     ELSE 'registry' END, id,
           jsonb_build_object('text', text, 'repository', %(repository)s::bigint)
    FROM images_event event WHERE image_id = %(image)s AND NOT (
        kind = 'repointed' AND EXISTS (SELECT FROM named WHERE named.until = event.at AND follower IS NOT NULL))
), based_on AS (
    SELECT event.at, CASE WHEN kind IN ('vanished', 'gone') THEN 'base_gone' WHEN kind = 'repointed' THEN 'base_moved'
                          ELSE kind END, 'registry', event.id,
           jsonb_build_object('text', event.text, 'base', event.image_id,
                              'visible', %(all)s OR chain.owners && %(teams)s::bigint[])
    FROM chain JOIN images_event event ON event.image_id = chain.id
    WHERE chain.depth > 0 AND kind IN ('vanished', 'gone', 'repointed', 'base_gone', 'base_moved', 'base_ended',
                                       'base_old', 'upstream', 'copied')
      AND NOT (kind IN ('vanished', 'gone') AND EXISTS (
        SELECT FROM images_event said WHERE said.image_id = event.image_id AND said.kind = 'base_gone'
           AND said.at BETWEEN event.at - interval '1 day' AND event.at + interval '1 day'))
), alarmed AS (
    SELECT alarm.raised_at, CASE alarm.kind WHEN 'vanished' THEN 'base_gone' WHEN 'repointed' THEN 'base_moved'
                             WHEN 'ended' THEN 'base_ended' WHEN 'deprecated' THEN 'base_old' ELSE 'upstream' END,
           'registry', -alarm.id, jsonb_build_object('text', alarm.text)
    FROM approvals_upstreamalarm alarm JOIN approvals_watch watch ON watch.id = alarm.watch_id
    JOIN (SELECT DISTINCT split_part(base_name, '@', 1) AS name FROM chain WHERE base_name <> '') named_base
      ON named_base.name = watch.name || ':' || watch.tag
), followed AS (
    SELECT min(tag.until), 'base_moved', 'registry', -tag.id, jsonb_build_object(
               'text', registry.host || '/' || repository.name || ':' || tag.name || ' names a newer image',
               'base', tag.image_id, 'visible', bool_or(%(all)s OR chain.owners && %(teams)s::bigint[]))
    FROM chain JOIN images_tag tag ON tag.image_id = chain.id AND tag.until IS NOT NULL
    JOIN images_tag other ON other.repository_id = tag.repository_id AND other.name = tag.name
       AND other.since = tag.until AND other.image_id <> tag.image_id
    JOIN images_repository repository ON repository.id = tag.repository_id
    JOIN images_registry registry ON registry.id = repository.registry_id
    WHERE chain.depth = 1 AND NOT EXISTS (
        SELECT FROM images_event event WHERE event.image_id = chain.id AND event.kind IN ('base_moved', 'repointed')
           AND event.at BETWEEN tag.until - interval '1 day' AND tag.until + interval '1 day')
    GROUP BY tag.id, registry.host, repository.name
)"""

DECISIONS = """
gated AS (
    SELECT at, CASE gate WHEN 'admission' THEN 'admission' ELSE 'gate' END, stage, id, jsonb_build_object(
               'verdict', verdict, 'policy', policy, 'gate', gate, 'by', asked_by, 'reference', reference,
               'reason', reasons -> 0 ->> 'text', 'reasons', jsonb_array_length(reasons))
    FROM policy_gatedecision WHERE image_id = %(image)s
), listed AS (
    SELECT step.at, 'base_' || step."to", '', step.id, jsonb_build_object(
               'entry', entry.id, 'name', entry.name, 'pattern', entry.pattern, 'by', step.actor, 'reason', step.reason,
               'own', entry.id = ANY(%(own_entries)s::bigint[]))
    FROM approvals_approvalstep step JOIN approvals_approvedbase entry ON entry.id = step.entry_id
    WHERE entry.id = ANY(%(entries)s::bigint[]) AND step.before <> step."to"
      AND step."to" IN ('approved', 'deprecated', 'sunset', 'banned')
), fallen_due AS (
    SELECT due.day::timestamp AT TIME ZONE 'UTC', 'base_' || due.word, '', -entry.id, jsonb_build_object(
               'entry', entry.id, 'name', entry.name, 'pattern', entry.pattern,
               'own', entry.id = ANY(%(own_entries)s::bigint[]))
    FROM approvals_approvedbase entry
    CROSS JOIN LATERAL (VALUES (entry.deprecated_on, 'deprecated'), (entry.sunset_on, 'sunset')) AS due(day, word)
    WHERE entry.id = ANY(%(entries)s::bigint[]) AND due.day <= (now() AT TIME ZONE 'UTC')::date
      AND NOT EXISTS (SELECT FROM approvals_approvalstep step WHERE step.entry_id = entry.id AND step."to" = due.word
                         AND step.before <> step."to")
)"""

# Decisions on a vulnerability that the image has, by any of its names, whose scope it is in.
EXEMPTIONS = f"""
mine AS MATERIALIZED (
    SELECT exemption.*, CASE exemption.scope WHEN 'image' THEN 'this image'
               WHEN 'repository' THEN registry.host || '/' || repository.name
               WHEN 'base' THEN registry.host || '/' || repository.name || ' and what is built on it'
               WHEN 'team' THEN 'images of ' || team.name ELSE 'every image' END AS whose
    FROM {JOINED} LEFT JOIN accounts_team team ON team.id = exemption.team_id
    WHERE {IN_SCOPE}
      AND (%(all)s OR exemption.owner_id = ANY(%(teams)s::bigint[]) OR exemption.team_id = ANY(%(teams)s::bigint[])
           OR repository.owner_id = ANY(%(teams)s::bigint[]) OR exemption.scope = 'image'
           OR exemption.scope IN ('base', 'everywhere') AND exemption.state = 'granted')
      AND exemption.vulnerability IN (
        SELECT twin.name FROM findings_findingset s
        JOIN findings_finding finding ON finding.id = ANY(s.findings || s.suppressed)
        JOIN findings_advisory said ON said.id = finding.advisory_id
        JOIN findings_advisory twin ON twin.vulnerability_id = said.vulnerability_id
        WHERE s.id = %(finding_set)s)
), exempted AS (
    SELECT step.at, step.kind, '', mine.id, jsonb_build_object(
               'vulnerability', mine.vulnerability, 'package', mine.package, 'whose', mine.whose, 'by', step.by,
               'until', mine.expires_on, 'reason', step.reason)
    FROM mine CROSS JOIN LATERAL (VALUES
        (mine.asked_at, 'exemption_requested', mine.asked_by, mine.reason),
        (coalesce(mine.granted_at, CASE mine.state WHEN 'granted' THEN mine.decided_at END), 'exempted',
         coalesce(nullif(mine.granted_by, ''), CASE mine.state WHEN 'granted' THEN mine.decided_by END, ''),
         CASE mine.state WHEN 'granted' THEN mine.answer ELSE '' END),
        (CASE mine.state WHEN 'declined' THEN mine.decided_at END, 'exemption_declined', mine.decided_by, mine.answer),
        (CASE mine.state WHEN 'revoked' THEN mine.decided_at END, 'exemption_revoked', mine.decided_by, mine.answer),
        (CASE WHEN mine.state = 'granted' AND mine.expires_on <= %(today)s
              THEN mine.expires_on::timestamp AT TIME ZONE 'UTC' END, 'exemption_expired', '', '')
    ) AS step(at, kind, by, reason) WHERE step.at IS NOT NULL
)"""  # noqa: S608 (texts of ours)

# The first stretch in a cluster or on a host is its deployment there.
RUNS = """
run AS MATERIALIZED (
    SELECT running.id, running.first_seen, running.stopped_at,
           row_number() OVER (PARTITION BY workload.cluster_id ORDER BY running.first_seen, running.id) AS nth,
           jsonb_build_object('workload', workload.id, 'kind', workload.kind, 'namespace', workload.namespace,
               'name', workload.name, 'cluster', cluster.name, 'uid', cluster.uid, 'environment', cluster.environment,
               'agent', agent.name, 'instances', running.instances) AS told
    FROM runtime_running running JOIN runtime_workload workload ON workload.id = running.workload_id
    JOIN runtime_cluster cluster ON cluster.id = workload.cluster_id
    JOIN runtime_agent agent ON agent.id = running.agent_id
    WHERE running.image_id = %(image)s
), began AS (
    SELECT first_seen, CASE nth WHEN 1 THEN 'deployed' ELSE 'running' END, 'runtime', id, told FROM run
), stopped AS (
    SELECT stopped_at, 'stopped', 'runtime', id, told FROM run WHERE stopped_at IS NOT NULL
)"""

BUILT = """
built AS (
    SELECT built_at, 'built', 'ci', id, jsonb_build_object('platform', concat_ws('/', os, architecture))
    FROM images_image WHERE id = %(image)s AND built_at IS NOT NULL
)"""

# Every list of rows that is part of the whole.
ROWS = (
    *("built", "scanned", "arrived", "exploited", "pushed", "tagged", "untagged", "deleted", "noted", "based_on"),
    *("alarmed", "followed", "gated", "listed", "fallen_due", "exempted", "began", "stopped"),
)
PARTS = (CHAIN, SCANS, ARRIVALS, NAMES, EVENTS, DECISIONS, EXEMPTIONS, RUNS, BUILT)
UNION = " UNION ALL ".join(f"TABLE {name}" for name in ROWS)
# Counts by kind and place of all that happened, beside the rows of one page; a page beyond the last has counts alone.
TIMELINE = f"""
WITH RECURSIVE {",".join(PARTS)},
entry(at, kind, place, id, told) AS MATERIALIZED ({UNION}),
counted AS (
    SELECT jsonb_agg(jsonb_build_array(kind, place, number)) AS counts
    FROM (SELECT kind, place, count(*) AS number FROM entry GROUP BY kind, place) one
), page AS (
    SELECT * FROM entry
    WHERE (%(place)s = '' OR place = %(place)s OR (%(place)s = 'decisions' AND kind = ANY(%(decisions)s::text[])))
      AND (%(kinds)s::text[] = '{{}}' OR kind = ANY(%(kinds)s::text[]))
      AND (%(at)s::timestamptz IS NULL OR (at, kind, id) < (%(at)s::timestamptz, %(kind)s::text, %(id)s::bigint))
    ORDER BY at DESC, kind DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s
)
SELECT counted.counts, page.* FROM counted LEFT JOIN page ON true ORDER BY page.at DESC, page.kind DESC, page.id DESC
"""  # noqa: S608 (texts of ours)
