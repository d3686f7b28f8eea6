mock_provider "google" {
  source          = "../../checks/mocks"
  override_during = plan
}

variables {
  project           = "my-project"
  name              = "my-project-tipoff-state"
  location          = "us-central1"
  delete_after_days = { "" = 180, "journal/" = 60 }
  prefix_writers = {
    runner = { member = "serviceAccount:tipoff-scraper-runner@my-project.iam.gserviceaccount.com", prefixes = ["runner/", "dead-letters/"] }
  }
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

run "a_service_reaches_its_own_prefix_only" {
  command = plan

  assert {
    condition     = strcontains(google_storage_bucket_iam_member.prefix_writer["runner"].condition[0].expression, "resource.name.startsWith(\"projects/_/buckets/my-project-tipoff-state/objects/runner/\")")
    error_message = "objects below its prefix"
  }
  assert {
    condition     = strcontains(google_storage_bucket_iam_member.prefix_writer["runner"].condition[0].expression, "objectListPrefix\", \"\").startsWith(\"runner/\")")
    error_message = "and lists of it"
  }
}

run "half_a_folder_is_no_prefix" {
  command = plan

  variables {
    prefix_writers = { runner = { member = "serviceAccount:a@b.c", prefixes = ["run"] } }
  }

  expect_failures = [var.prefix_writers]
}
