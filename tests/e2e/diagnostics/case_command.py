"""Command lines with typing errors."""


def _command(text, *arguments):
    def case(world):
        return list(arguments)

    case.__doc__ = text
    case.__module__ = __name__
    return case


unknown_option = _command("A misspelt option.", "--confgi", "run.json")
unknown_command = _command("A misspelt command.", "plam", "show", "captured.json")
unknown_subcommand = _command("A misspelt command of `plan`.", "plan", "valdate", "captured.json")
option_without_its_value = _command("An option without its value.", "--config")
no_config = _command("`run` without a config.", "run")
show_without_a_file = _command("`plan show` without a plan.", "plan", "show")
convert_without_a_version = _command("`plan convert` without a version.", "plan", "convert", "captured.json")
convert_to_an_unknown_version = _command("A version of plans that does not exist.", "plan", "convert", "captured.json", "--to", "9.9")
explain_of_an_unknown_code = _command("A code that does not exist.", "explain", "GE9999")
explain_of_a_short_code = _command("A code that lacks a digit.", "explain", "GE010")
unknown_log_level = _command("A log level that does not exist.", "plan", "show", "captured.json", "--log-level", "verbose")
log_that_cannot_be_written = _command("A log file in a folder that is a file.", "plan", "show", "model.pt2", "--log-file", "model.pt2/a.log")
show_of_an_unknown_method = _command("A method that the plan does not have.", "plan", "show", "captured.json", "--method", "foward")
show_of_an_unknown_stage = _command("A stage that the plan does not have.", "plan", "show", "scheduled.json", "--stage", "s9")
show_of_an_unknown_scope = _command("A module that the plan does not have.", "plan", "show", "captured.json", "--scope", "blok.0")
diff_with_a_file_that_is_not_there = _command("A second plan that is not there.", "plan", "diff", "captured.json", "nowhere.json")
validate_with_a_broken_topology = _command("A plan in place of the topology.", "plan", "validate", "scheduled.json", "--topology", "captured.json")
