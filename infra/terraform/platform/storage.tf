module "data" {
  source = "../modules/bucket"

  project                  = var.project
  name                     = "${var.project}-tipoff-data"
  location                 = var.region
  labels                   = local.labels
  kms_key                  = var.kms_key
  storage_class_after_days = { NEARLINE = 90 }
  delete_after_days        = { "journal/" = 60 } # index of recent writes; read within the hour
  may_be_emptied           = contains(var.buckets_to_empty, "data")
  annotator_role           = "projects/${var.project}/roles/tipoffObjectAnnotator"
  creators                 = { for name, it in local.services : name => local.member[name] if it.data == "create" }
  readers = merge(
    { for name, it in local.services : name => local.member[name] if it.data == "read" },
    { for member in var.phase2_members : member => member },
  )
}

# One bucket a service, on which it alone has rights, without a condition. A condition on a prefix would not work: for a
# missing object Cloud Storage answers 403 in place of 404 to callers that may not list the bucket, and a GET names no
# prefix to list. A service's state has to outlive any redelivery; after half a year it is useless.
module "state" {
  source   = "../modules/bucket"
  for_each = local.services

  project           = var.project
  name              = "${var.project}-tipoff-state-${each.key}"
  location          = var.region
  labels            = local.labels
  kms_key           = var.kms_key
  delete_after_days = { "" = 180 }
  may_be_emptied    = contains(var.buckets_to_empty, "state-${each.key}")
  writers           = { service = local.member[each.key] }
}

# Rows that expired from the tables. No account deletes or replaces here: the logger creates, and each version is kept.
module "archive" {
  source = "../modules/bucket"

  project                  = var.project
  name                     = "${var.project}-tipoff-archive"
  location                 = var.region
  labels                   = local.labels
  kms_key                  = var.kms_key
  versioned                = true
  storage_class_after_days = { COLDLINE = 30 }
  may_be_emptied           = contains(var.buckets_to_empty, "archive")
  readers                  = { for name, it in local.services : name => local.member[name] if it.archive == "read" }
  creators                 = { for name, it in local.services : name => local.member[name] if it.archive == "create" }
}

# Bootstrap makes the dataset, and `tipoff tables deploy` its tables, by additions only: Terraform would drop a column
# that a file no longer has, even of a protected table, so that a rollback would lose the newer commit's data. Here are
# the grants. In BigQuery's own access list of the dataset a federated principal is an iamMember.
resource "google_bigquery_dataset_iam_member" "reader" {
  for_each = merge(
    { for name, it in local.services : name => local.member[name] if it.dataset != null },
    { for member in var.dataset_readers : member => member },
  )

  project    = var.project
  dataset_id = var.dataset
  role       = "roles/bigquery.dataViewer"
  member     = startswith(each.value, "principal") ? "iamMember:${each.value}" : each.value
}

# Bootstrap's role inserts rows, and can neither drop a table nor change its columns.
resource "google_bigquery_dataset_iam_member" "appender" {
  for_each = { for name, it in local.services : name => local.member[name] if it.dataset == "append" }

  project    = var.project
  dataset_id = var.dataset
  role       = "projects/${var.project}/roles/tipoffRowAppender"
  member     = each.value
}
