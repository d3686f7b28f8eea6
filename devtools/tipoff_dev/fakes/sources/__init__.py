"""Fakes of the sources: their hosts, document formats and missing documents, with configurable publication times.

A request for `https://HOST/PATH` is sent to the fakes as `http://ADDRESS/HOST/PATH`. The answer depends on a scenario
file and the time: the instant in the header `X-Tipoff-Event-Time`, so that a day can be replayed, or the wall clock.

    hosts.py          the faked hosts, and the fakes beside a fleet's own scrapers
    document.py       the answers of the fakes
    scenario.py       the model of a scenario file
    rolling.py        the scenario's weeks on the days around today
    teams.py          the league's teams
    publication.py    publication times and content of the injury reports
    injury_pdf.py     injury reports as PDF
    schedule_json.py  scheduleLeagueV2.json
    nba.py            the league's other documents: box scores, officials, players, scorer's reports
    odds.py, espn.py, balldontlie.py  the other sources
    game_story.py     the events of a game, from which its documents are counted
    *_json.py, *_pdf.py  the writers of those documents
    faults.py         deliberate faults in answers
    app.py            the HTTP surface
    testing.py        the fakes without a port, for tests
"""
