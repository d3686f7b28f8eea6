-- Which alerts are open?
--
-- One row an alert whose newest change of 90 days is not its end, the worst first, then the oldest. The monitor alone
-- raises and ends them; `tipoff alerts list` reads the monitor itself, which also has changes without a row yet. No row
-- does not mean that the monitor works: see heartbeats.
--
--   @as_of        TIMESTAMP = now  instant of the question; later changes do not count
--   @environment  STRING = prod    prod, staging, dev or local
--
-- severity (CRITICAL, WARNING, INFO), rule, subject, state STRING (pending, firing, acknowledged, silenced, escalated,
-- unknown), since, changed_at TIMESTAMP, summary, runbook STRING

SELECT
  severity,
  rule,
  subject,
  state,
  since,
  changed_at,
  summary,
  runbook
FROM nba_orchestration.alert_events
WHERE
  DATE(changed_at) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 90 DAY) AND DATE(@as_of)
  AND changed_at <= @as_of
  AND environment = @environment
QUALIFY
  ROW_NUMBER() OVER (PARTITION BY alert_id ORDER BY changed_at DESC, created_at DESC) = 1
  AND state != 'resolved'
ORDER BY CASE severity WHEN 'CRITICAL' THEN 0 WHEN 'WARNING' THEN 1 ELSE 2 END, since, rule, subject;
