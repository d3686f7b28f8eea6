mock_provider "google" {
  source          = "../../checks/mocks"
  override_during = plan
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

run "a_push_is_authenticated_and_patient" {
  command = plan

  assert {
    condition     = google_pubsub_subscription.push["runner-requests"].push_config[0].push_endpoint == "https://scraper-runner-123456789012.us-central1.run.app/events"
    error_message = "pushes go to /events"
  }
  assert {
    condition     = google_pubsub_subscription.push["runner-requests"].push_config[0].oidc_token[0].audience == "https://scraper-runner-123456789012.us-central1.run.app"
    error_message = "the audience is the service's URI, without the path that Pub/Sub would add"
  }
  assert {
    condition     = google_pubsub_subscription.push["runner-requests"].retry_policy[0].minimum_backoff == "10s" && google_pubsub_subscription.push["runner-requests"].retry_policy[0].maximum_backoff == "600s"
    error_message = "redelivery backs off from 10 s to 600 s"
  }
  assert {
    condition     = google_pubsub_subscription.push["runner-requests"].expiration_policy[0].ttl == ""
    error_message = "an idle subscription stays"
  }
  assert {
    condition     = google_pubsub_subscription.push["runner-requests"].filter == "attributes.tick = \"evaluate\""
    error_message = "the filter is the map's"
  }
}

run "what_dies_goes_to_the_dead_letter_topic" {
  command = plan

  assert {
    condition     = google_pubsub_subscription.push["runner-requests"].dead_letter_policy[0].dead_letter_topic == "projects/my-project/topics/dead-letters"
    error_message = "the dead-letter topic is the given one"
  }
  assert {
    condition     = google_pubsub_subscription_iam_member.dead_letters["runner-requests"].member == var.pubsub_agent && google_pubsub_subscription_iam_member.dead_letters["runner-requests"].role == "roles/pubsub.subscriber"
    error_message = "Pub/Sub's agent takes the dead message out of the subscription"
  }
  assert {
    condition     = length(google_pubsub_topic_iam_member.dead_letters) == 0
    error_message = "the agent publishes to the dead-letter topic only"
  }
}

run "the_dead_letter_topic_has_none_of_its_own" {
  command = plan

  variables {
    name               = "dead-letters"
    dead_letter_topic  = null
    takes_dead_letters = true
  }

  assert {
    condition     = length(google_pubsub_subscription.push["runner-requests"].dead_letter_policy) == 0
    error_message = "the end of the line"
  }
  assert {
    condition     = google_pubsub_topic_iam_member.dead_letters[0].member == var.pubsub_agent && google_pubsub_topic_iam_member.dead_letters[0].role == "roles/pubsub.publisher"
    error_message = "Pub/Sub's agent publishes what died"
  }
}

run "a_deadline_below_the_timeout_is_refused" {
  command = plan

  variables {
    subscriptions = {
      short = {
        service_uri          = "https://a.run.app"
        push_service_account = "push@my-project.iam.gserviceaccount.com"
        ack_deadline_seconds = 60
        timeout_seconds      = 600
      }
    }
  }

  expect_failures = [var.subscriptions]
}

run "dead_letters_without_a_subscription_are_refused" {
  command = plan

  variables {
    dead_letter_topic  = null
    takes_dead_letters = true
    subscriptions      = {}
  }

  expect_failures = [var.takes_dead_letters]
}

run "a_topic_without_dead_letters_is_refused" {
  command = plan

  variables {
    dead_letter_topic = null
  }

  expect_failures = [var.takes_dead_letters]
}
