# ruff: noqa: E501 - the titles are the contract's
"""A symbol for each numbered rule, made from openapi.yaml by `nox -s generate`. Do not edit."""

from enum import StrEnum


class RuleId(StrEnum):
    """The rules of the project's contract, with their titles."""

    R01 = "R01"
    """Without a valid key (for the content, or a dashboard login) no operation succeeds, nor does HEAD of one."""

    R02 = "R02"
    """A missing, malformed or wrong key is refused with 401 before the id, the body or anything else is looked at."""

    R03 = "R03"
    """The id in the response to a submit is new, neither the source's nor one that was returned before."""

    R04 = "R04"
    """A submitted task can be read under its id, through the read route of its submit, within the tolerance."""

    R05 = "R05"
    """A submitted task can be read at once."""

    R06 = "R06"
    """A read returns the id that it was asked for."""

    R07 = "R07"
    """A task that is completed has its video's address in video_url."""

    R08 = "R08"
    """A task that has succeeded has its video's address in video_url, output.url, url, detail.url or metadata.url."""

    R09 = "R09"
    """A task that has not succeeded gives no address of a video."""

    R10 = "R10"
    """A task that has not failed carries no error."""

    R11 = "R11"
    """A task that has failed says why."""

    R12 = "R12"
    """A running task has no time of completion."""

    R13 = "R13"
    """Times are Unix seconds; a value past 100,000,000,000 is milliseconds."""

    R14 = "R14"
    """A status is one of the known values; any other means running and is reported."""

    R15 = "R15"
    """Over a task's life, progress and status_update_time never fall."""

    R16 = "R16"
    """A task that has ended stays as it ended."""

    R17 = "R17"
    """Over a task's life, what it is never changes."""

    R18 = "R18"
    """Both read routes tell the same of a task, whether it runs, has succeeded or has failed."""

    R19 = "R19"
    """A read changes nothing and costs nothing."""

    R20 = "R20"
    """A task can be read with a key of the account that made it; with a key of another account it is unknown."""

    R21 = "R21"
    """A valid read is refused with 400 only because its task, or the channel of its task, is unknown, and says so in the code."""

    R22 = "R22"
    """A valid submit is refused with 400 only for its source task, for its model's settings or by the upstream, and says so in the code."""

    R23 = "R23"
    """The content of a task that has not succeeded, or is unknown, is refused with 400 and the type invalid_request_error or the code task_not_exist."""

    R24 = "R24"
    """Content-Length is the number of bytes sent. What 206 sends was asked for and is what Content-Range names, in each part of several; 416 comes where nothing of it is there."""

    R25 = "R25"
    """The content is an mp4 file, so its first box is ftyp."""

    R26 = "R26"
    """The video is as long as the submit's x-result-length says, to the half second."""

    R27 = "R27"
    """A body that is not JSON is refused with 400."""

    R28 = "R28"
    """A submit that the gateway's own middleware rejects with 429 or 503 has caused no work and is never billed."""

    R29 = "R29"
    """A submit whose response was lost, or is none of those listed here, may have been billed."""

    R30 = "R30"
    """A task that has failed, or that succeeded without a video, may have been billed."""

    R31 = "R31"
    """An error says what was wrong: its message is not empty."""

    R32 = "R32"
    """A method that a path does not have (but for HEAD beside GET, and OPTIONS) is refused with 405 and Allow, or with the gateway's 404."""

    R33 = "R33"
    """Every response has X-Oneapi-Request-Id."""

    R34 = "R34"
    """A valid request with a key that works is not refused, but for its task (400, 404), its account (403), its Range (416), its size (413) or the rate (429)."""

    R35 = "R35"
    """A rejected submit whose response relays that of the upstream may have been billed, whatever the status."""

    R36 = "R36"
    """The body of a success conforms to its schema."""

    R37 = "R37"
    """The body of an error conforms to its schema."""

    R38 = "R38"
    """A response has one of the statuses that its operation documents."""

    R39 = "R39"
    """A response has the media type that its status documents."""

    R40 = "R40"
    """The headers of a response conform to their schemas, and those that are required are there."""

    R41 = "R41"
    """A request that its schema does not allow is refused with 400, one whose path or query is wrong with 404 as well."""

    R42 = "R42"
    """A body that is sent as anything else than JSON is refused with 400."""

    R43 = "R43"
    """A path that the contract does not have gets 404, or a redirect to one that it has."""

    R44 = "R44"
    """No request breaks the server. 5xx comes only from what is broken beside it, 502 also for a video that is gone."""

    R45 = "R45"
    """A task ends, with success or failure, in the time that it is given."""

    R46 = "R46"
    """A task that does not exist is unknown. Its reads and the submits that name it as their source are refused with 400 or 404."""

    R47 = "R47"
    """A submit whose source has not succeeded (yet) is refused with 400 or 404."""

    R48 = "R48"
    """What a read tells of its submit (x-value-of request) is what was submitted."""

    R49 = "R49"
    """A task is made, then ends, then its video expires, each not before the other. Zero stands for not yet."""

    R50 = "R50"
    """A task that has succeeded is at 100 percent, where it tells a progress."""

    R51 = "R51"
    """The address of a task that has succeeded gives its video, without a key."""

    R52 = "R52"
    """The content of a task that has succeeded is sent until the task expires, and is the same each time."""

    R53 = "R53"
    """A request gets a complete HTTP response, in time, not of megabytes (a video apart), and is not redirected elsewhere."""

    R54 = "R54"
    """What x-billed calls never billed is not billed, and what it calls billed is billed once."""

    R55 = "R55"
    """The seconds that a read tells are those of the submit's x-result-length."""

    R56 = "R56"
    """A new task was made when it was submitted, by its own times."""

    R57 = "R57"
    """The name of the scheme before the key means the same in upper and in lower case."""

    R58 = "R58"
    """A path that the contract has as it stands comes before a template that fits it too."""

    R59 = "R59"
    """HEAD, where a path has GET, gets what GET without a Range gets, but without a body, or is rejected as a method that is not there (R32)."""
