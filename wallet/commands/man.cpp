#include <fmt/format.h>

#include <algorithm>

#include "wallet/command_line.hpp"
#include "wallet/context.hpp"

namespace millrace::wallet {

namespace {

/// Text for roff: no character of it is a command.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else
            out += c;
    }
    return out;
}

/// One input line; a dot or a quote at its beginning would be a request.
std::string line(std::string_view text) {
    const bool is_request = text.starts_with('.') || text.starts_with('\'');
    return (is_request ? "\\&" : "") + escaped(text) + "\n";
}

/// The footer of a help text: indented lines are shown as they are.
std::string footer(const std::string& text) {
    std::string out;
    bool is_example = false;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view one = std::string_view(text).substr(at, end - at);
        at = end + 1;
        const bool is_indented = one.starts_with("  ");
        if (is_indented && !is_example) out += ".PP\n.RS 4\n.nf\n";
        if (!is_indented && is_example) out += ".fi\n.RE\n";
        is_example = is_indented;
        if (is_indented)
            out += line(one.substr(2));
        else if (!one.empty())
            out += ".PP\n" + line(one);
    }
    if (is_example) out += ".fi\n.RE\n";
    return out;
}

std::string option_text(const OptionInfo& option) {
    std::string names;
    for (const std::string& name : option.short_names)
        names += fmt::format("{}\\fB\\-{}\\fR", names.empty() ? "" : ", ", escaped(name));
    for (const std::string& name : option.long_names)
        names += fmt::format("{}\\fB\\-\\-{}\\fR", names.empty() ? "" : ", ", escaped(name));
    const bool is_positional = names.empty();
    if (is_positional) names = fmt::format("\\fI{}\\fR", escaped(option.name));
    if (!is_positional && !option.is_flag)
        names += fmt::format(" \\fI{}\\fR", escaped(option.long_names.front()));
    std::string out = fmt::format(".TP\n{}\n", names) + line(option.what);
    if (!option.default_value.empty())
        out += line(fmt::format("Left out: {}.", option.default_value));
    if (!option.variable.empty())
        out += line(fmt::format("The variable {} sets it too.", option.variable));
    return out;
}

std::string options_text(const CommandInfo& command) {
    std::string out;
    for (const OptionInfo& option : command.options) {
        const auto& names = option.long_names;
        if (std::find(names.begin(), names.end(), "help") != names.end()) continue;
        out += option_text(option);
    }
    return out;
}

/// A command and what stands below it.
std::string command_text(const CommandInfo& command, const std::string& path) {
    std::string out;
    if (command.children.empty()) {
        out += fmt::format(".SS {}\n", escaped(path)) + line(command.what + ".");
        out += options_text(command) + footer(command.footer);
    }
    for (const CommandInfo& child : command.children)
        out += command_text(child, path + " " + child.name);
    return out;
}

std::string page(const CommandInfo& program) {
    std::string out = ".TH MILLRACE 1 \"\" \"millrace 0.1.0\" \"Millrace\"\n.SH NAME\n";
    out += line("millrace - " + program.what.substr(program.what.find(' ') + 1));
    out += ".SH SYNOPSIS\n.B millrace\n[\\fIoptions\\fR] \\fIcommand\\fR ...\n";
    out += ".SH DESCRIPTION\n";
    out += line("Keys, payments, programs, jobs and providers of a Millrace compute market.");
    out += line(
        "Progress and remarks go to standard error; with --json standard output is one JSON "
        "value.");
    out += ".SH OPTIONS\n" + options_text(program);
    out += ".SH COMMANDS\n";
    for (const CommandInfo& child : program.children)
        out += command_text(child, "millrace " + child.name);
    out += ".SH EXIT STATUS\n";
    for (const ExitInfo& row : kExits)
        out += fmt::format(".TP\n{}\n", static_cast<int>(row.code)) + line(row.meaning);
    out += ".SH FILES\n.TP\n\\fI~/.millrace/wallet\\fR\n";
    out += line("The keystore: a file for each account, encrypted, mode 0600.");
    out += ".SH SEE ALSO\n" + line("docs/manual/wallet.md of the sources; millraced --help");
    return out;
}

}  // namespace

void add_man_command(CLI::App& app, Context& context) {
    const Command command =
        Command(app).add_subcommand("man", "The manual page of this program, for man");
    command->footer(
        "Examples:\n  man <(millrace man)\n  millrace man > ~/.local/share/man/man1/millrace.1");
    command->callback([&app, &context] {
        context.action = [&app, &context]() -> Try<Ok> {
            const std::string text = page(Command(app).describe());
            context.print(boost::json::object{{"page", text}}, text);
            return Ok{};
        };
    });
}

}  // namespace millrace::wallet
