from tipoff_scraper_runner.cli import run_module

if __name__ == "__main__":
    run_module("nbac_player_movement")
