# On a state that was applied: what a later plan may not do.
mock_provider "google" {
  source = "../../checks/mocks"
}

variables {
  project           = "my-project"
  name              = "scrape-requests"
  pubsub_agent      = "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
  dead_letter_topic = "projects/my-project/topics/dead-letters"
  publishers        = { controller = "serviceAccount:tipoff-controller@my-project.iam.gserviceaccount.com" }
  subscriptions = {
    runner-requests = {
      service_uri          = "https://scraper-runner-123456789012.us-central1.run.app"
      push_service_account = "tipoff-scraper-runner-push@my-project.iam.gserviceaccount.com"
      ack_deadline_seconds = 600
      timeout_seconds      = 600
      filter               = "attributes.tick = \"evaluate\""
    }
  }
}

run "a_subscription_is_made" {
  command = apply
}

run "its_filter_is_changed_under_another_name_only" {
  command = plan

  variables {
    subscriptions = {
      runner-requests = {
        service_uri          = "https://scraper-runner-123456789012.us-central1.run.app"
        push_service_account = "tipoff-scraper-runner-push@my-project.iam.gserviceaccount.com"
        ack_deadline_seconds = 600
        timeout_seconds      = 600
        filter               = "attributes.tick = \"cleanup\""
      }
    }
  }

  expect_failures = [terraform_data.filter["runner-requests"]]
}

run "a_new_one_beside_it_is_taken" {
  command = plan

  variables {
    subscriptions = {
      runner-requests = {
        service_uri          = "https://scraper-runner-123456789012.us-central1.run.app"
        push_service_account = "tipoff-scraper-runner-push@my-project.iam.gserviceaccount.com"
        ack_deadline_seconds = 600
        timeout_seconds      = 600
        filter               = "attributes.tick = \"evaluate\""
      }
      runner-requests-2 = {
        service_uri          = "https://scraper-runner-123456789012.us-central1.run.app"
        push_service_account = "tipoff-scraper-runner-push@my-project.iam.gserviceaccount.com"
        ack_deadline_seconds = 600
        timeout_seconds      = 600
        filter               = "attributes.tick = \"cleanup\""
      }
    }
  }

  assert {
    condition     = keys(google_pubsub_subscription.push) == ["runner-requests", "runner-requests-2"]
    error_message = "both, until the first is empty"
  }
}
