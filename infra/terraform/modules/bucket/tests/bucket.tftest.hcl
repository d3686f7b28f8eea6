mock_provider "google" {
  source          = "../../checks/mocks"
  override_during = plan
}

variables {
  project           = "my-project"
  name              = "my-project-tipoff-state"
  location          = "us-central1"
  delete_after_days = { "" = 180, "journal/" = 60 }
  writers           = { runner = "serviceAccount:tipoff-scraper-runner@my-project.iam.gserviceaccount.com" }
}

run "a_bucket_is_closed" {
  command = plan

  assert {
    condition     = google_storage_bucket.this.uniform_bucket_level_access && google_storage_bucket.this.public_access_prevention == "enforced"
    error_message = "no object of its own access, none public"
  }
  assert {
    condition     = google_storage_bucket.this.soft_delete_policy[0].retention_duration_seconds == 604800
    error_message = "a deleted object can be restored for a week"
  }
  assert {
    condition     = join(", ", [for rule in google_storage_bucket.this.lifecycle_rule : "${join("", coalesce(one(rule.condition).matches_prefix, []))} after ${one(rule.condition).age}" if one(rule.action).type == "Delete"]) == " after 180, journal/ after 60"
    error_message = "objects are deleted by folder and age"
  }
}

run "whoever_reads_may_list" {
  command = plan

  assert {
    condition     = toset([for it in google_storage_bucket_iam_member.writer : it.role]) == toset(["roles/storage.objectUser"]) && length(google_storage_bucket_iam_member.writer["runner"].condition) == 0
    error_message = "without the right to list, and under a condition a GET has none, a missing object is 403 and not 404"
  }
}

run "what_is_created_is_neither_replaced_nor_deleted" {
  command = plan

  variables {
    writers   = {}
    creators  = { logger = "serviceAccount:tipoff-logger@my-project.iam.gserviceaccount.com" }
    versioned = true
  }

  assert {
    condition     = google_storage_bucket_iam_member.creator["logger"].role == "roles/storage.objectCreator" && google_storage_bucket_iam_member.reader["logger"].role == "roles/storage.objectViewer" && length(google_storage_bucket_iam_member.writer) == 0
    error_message = "it creates, reads and lists"
  }
  assert {
    condition     = google_storage_bucket.this.versioning[0].enabled && !google_storage_bucket.this.force_destroy
    error_message = "and older versions are kept"
  }
}
