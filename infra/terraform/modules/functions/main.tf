# The table functions of one level: a file's body is what stands between `AS (` and `);`.
resource "google_bigquery_routine" "this" {
  for_each = var.functions

  project         = var.project
  dataset_id      = var.dataset_id
  routine_id      = each.key
  routine_type    = "TABLE_VALUED_FUNCTION"
  language        = "SQL"
  description     = each.value.description
  definition_body = replace(regex("(?s)\\nAS \\(\\n(.*)\\n\\);\\s*$", file("${var.schemas}/fn_${each.key}.sql"))[0], "nba_orchestration.", "`${var.project}`.${var.dataset_id}.")

  dynamic "arguments" {
    for_each = each.value.arguments

    content {
      name      = arguments.value.name
      data_type = jsonencode({ typeKind = arguments.value.type })
    }
  }
}
