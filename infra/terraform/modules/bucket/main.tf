resource "google_storage_bucket" "this" {
  project                     = var.project
  name                        = var.name
  location                    = var.location
  labels                      = var.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = var.may_be_emptied

  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * 24 * 3600
  }

  versioning {
    enabled = var.versioned
  }

  dynamic "encryption" {
    for_each = var.kms_key == null ? [] : [var.kms_key]

    content {
      default_kms_key_name = encryption.value
    }
  }

  # Parts of unfinished uploads cost money and are not visible.
  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 7
    }
  }

  dynamic "lifecycle_rule" {
    for_each = var.delete_after_days

    content {
      action {
        type = "Delete"
      }
      condition {
        age            = lifecycle_rule.value
        matches_prefix = lifecycle_rule.key == "" ? null : [lifecycle_rule.key]
      }
    }
  }

  dynamic "lifecycle_rule" {
    for_each = var.storage_class_after_days

    content {
      action {
        type          = "SetStorageClass"
        storage_class = lifecycle_rule.key
      }
      condition {
        age = lifecycle_rule.value
      }
    }
  }
}

# storage.buckets.get: /readyz of a service reads its buckets.
resource "google_storage_bucket_iam_member" "viewer" {
  for_each = merge(var.readers, var.creators, var.writers)

  bucket = google_storage_bucket.this.name
  role   = "roles/storage.bucketViewer"
  member = each.value
}

resource "google_storage_bucket_iam_member" "reader" {
  for_each = merge(var.readers, var.creators)

  bucket = google_storage_bucket.this.name
  role   = "roles/storage.objectViewer"
  member = each.value
}

# Creators cannot replace an object, since that needs the right to delete it.
resource "google_storage_bucket_iam_member" "creator" {
  for_each = var.creators

  bucket = google_storage_bucket.this.name
  role   = "roles/storage.objectCreator"
  member = each.value
}

resource "google_storage_bucket_iam_member" "annotator" {
  for_each = var.annotator_role == null ? {} : var.creators

  bucket = google_storage_bucket.this.name
  role   = var.annotator_role
  member = each.value
}

resource "google_storage_bucket_iam_member" "writer" {
  for_each = var.writers

  bucket = google_storage_bucket.this.name
  role   = "roles/storage.objectUser"
  member = each.value
}
