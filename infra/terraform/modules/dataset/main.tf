locals {
  declared = jsondecode(file("${var.declaration}/dataset.json"))
  levels   = 3 # modules below; a function of a further level needs a further one
}

resource "google_bigquery_dataset" "this" {
  project                    = var.project
  dataset_id                 = var.dataset_id
  location                   = local.declared.location
  description                = local.declared.description
  labels                     = var.labels
  delete_contents_on_destroy = false

  lifecycle {
    precondition {
      condition     = alltrue([for it in local.declared.functions : it.level < local.levels])
      error_message = "A table function calls others more than ${local.levels - 1} deep; add a functions module of the next level to modules/dataset and raise local.levels."
    }
  }
}

# No require_partition_filter: it would refuse the queries that people know from before, which filter on nothing; the
# views and functions name their partitions.
resource "google_bigquery_table" "this" {
  for_each = local.declared.tables

  project             = var.project
  dataset_id          = google_bigquery_dataset.this.dataset_id
  table_id            = each.key
  description         = each.value.description
  schema              = file("${var.declaration}/schemas/${each.key}.json")
  clustering          = each.value.clustering
  labels              = var.labels
  deletion_protection = var.deletion_protection

  time_partitioning {
    type          = "DAY"
    field         = each.value.partition_field
    expiration_ms = each.value.partition_days * 24 * 3600 * 1000
  }
}

module "functions_calling_none" {
  source = "../functions"

  project    = var.project
  dataset_id = google_bigquery_dataset.this.dataset_id
  schemas    = var.schemas
  functions  = { for name, it in local.declared.functions : name => it if it.level == 0 }

  depends_on = [google_bigquery_table.this]
}

module "functions_calling_those" {
  source = "../functions"

  project    = var.project
  dataset_id = google_bigquery_dataset.this.dataset_id
  schemas    = var.schemas
  functions  = { for name, it in local.declared.functions : name => it if it.level == 1 }

  depends_on = [module.functions_calling_none]
}

module "functions_calling_all" {
  source = "../functions"

  project    = var.project
  dataset_id = google_bigquery_dataset.this.dataset_id
  schemas    = var.schemas
  functions  = { for name, it in local.declared.functions : name => it if it.level == 2 }

  depends_on = [module.functions_calling_those]
}

resource "google_bigquery_table" "view" {
  # checkov:skip=CKV_GCP_121: a view holds nothing, and is replaced by what its file says
  for_each = local.declared.views

  project             = var.project
  dataset_id          = google_bigquery_dataset.this.dataset_id
  table_id            = each.key
  description         = each.value.description
  labels              = var.labels
  deletion_protection = false # it holds nothing

  view {
    query          = replace(regex("(?s)\\nAS\\n(.*);\\s*$", file("${var.schemas}/${each.key}.sql"))[0], "nba_orchestration.", "`${var.project}`.${var.dataset_id}.")
    use_legacy_sql = false
  }

  depends_on = [module.functions_calling_all]
}

# A dataset has BigQuery's own list of grants, in which a federated principal is an iamMember.
resource "google_bigquery_dataset_iam_member" "reader" {
  for_each = merge(var.readers, var.writers)

  project    = var.project
  dataset_id = google_bigquery_dataset.this.dataset_id
  role       = "roles/bigquery.dataViewer"
  member     = startswith(each.value, "principal") ? "iamMember:${each.value}" : each.value
}

# On the tables, so that a writer can neither make nor drop anything beside them.
resource "google_bigquery_table_iam_member" "writer" {
  for_each = merge([for key, member in var.writers : { for table in keys(local.declared.tables) : "${key}/${table}" => { member = member, table = table } }]...)

  project    = var.project
  dataset_id = google_bigquery_dataset.this.dataset_id
  table_id   = google_bigquery_table.this[each.value.table].table_id
  role       = "roles/bigquery.dataEditor"
  member     = each.value.member
}

# A query is a job, and jobs belong to the project: the one grant that no smaller resource takes.
resource "google_project_iam_member" "job_user" {
  for_each = merge(var.readers, var.writers)

  project = var.project
  role    = "roles/bigquery.jobUser"
  member  = each.value
}
