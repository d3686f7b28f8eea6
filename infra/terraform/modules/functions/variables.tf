variable "project" {
  description = "Google Cloud project."
  type        = string
}

variable "dataset_id" {
  description = "Dataset of the functions."
  type        = string
}

variable "schemas" {
  description = "Folder of the dataset's SQL files."
  type        = string
}

variable "functions" {
  description = "Table functions by name, as in infra/terraform/dataset.json."
  type = map(object({
    description = string
    level       = number
    arguments   = list(object({ name = string, type = string }))
  }))
}
