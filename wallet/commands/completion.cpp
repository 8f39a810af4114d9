#include <fmt/format.h>

#include <memory>
#include <vector>

#include "wallet/command_line.hpp"
#include "wallet/context.hpp"

namespace millrace::wallet {

namespace {

/// One command with everything that may stand behind it.
struct Node {
    std::string path;
    std::string name;
    std::string what;
    std::vector<std::string> words;
    std::vector<std::pair<std::string, std::string>> options;
    std::vector<std::string> children;
};

void walk(const CommandInfo& command, const std::string& path, std::vector<Node>& out) {
    Node node{path, command.name, command.what, {}, {}, {}};
    for (const OptionInfo& option : command.options)
        for (const std::string& name : option.long_names) {
            node.words.push_back("--" + name);
            node.options.emplace_back(name, option.what);
        }
    for (const CommandInfo& child : command.children) {
        node.words.push_back(child.name);
        node.children.push_back(child.name);
    }
    out.push_back(std::move(node));
    for (const CommandInfo& child : command.children) walk(child, path + " " + child.name, out);
}

std::string bash_script(const std::vector<Node>& nodes) {
    std::string paths;
    std::string words;
    for (const Node& node : nodes) {
        if (node.path != nodes.front().path)
            paths += fmt::format("{}\"{}\"", paths.empty() ? "" : "|", node.path);
        words +=
            fmt::format("    \"{}\") words=\"{}\" ;;\n", node.path, fmt::join(node.words, " "));
    }
    return fmt::format(
        "_millrace() {{\n  local path=millrace words= i\n"
        "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "    case \"$path ${{COMP_WORDS[i]}}\" in {}) path=\"$path ${{COMP_WORDS[i]}}\" ;; esac\n"
        "  done\n  case \"$path\" in\n{}  esac\n"
        "  COMPREPLY=($(compgen -W \"$words\" -- \"${{COMP_WORDS[COMP_CWORD]}}\"))\n}}\n"
        "complete -o default -F _millrace millrace\n",
        paths, words);
}

/// In single quotes for fish.
std::string fish_quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
    }
    return out + "'";
}

/// Commands of several groups have the same name, and an account may be called like a command: what
/// fits is told by the whole path, which a function of ours finds as the one for bash does.
std::string fish_script(const std::vector<Node>& nodes) {
    const std::string& top = nodes.front().path;
    std::string paths;
    for (const Node& node : nodes)
        if (node.path != top) paths += " " + fish_quoted(node.path);
    std::string out = fmt::format(
        "function __fish_millrace_at\n  set -l path millrace\n"
        "  for word in (commandline -opc)[2..-1]\n    switch \"$path $word\"\n"
        "      case{}\n        set path \"$path $word\"\n    end\n  end\n"
        "  test \"$path\" = \"$argv\"\nend\ncomplete -c millrace -e\n",
        paths);
    const auto what_of = [&](const std::string& path) {
        for (const Node& node : nodes)
            if (node.path == path) return node.what;
        return std::string();
    };
    for (const Node& node : nodes) {
        const std::string when = "-n " + fish_quoted("__fish_millrace_at " + node.path);
        for (const std::string& child : node.children)
            out += fmt::format("complete -c millrace -f {} -a {} -d {}\n", when, child,
                               fish_quoted(what_of(node.path + " " + child)));
        // The options of the program itself may stand anywhere.
        for (const auto& [name, what] : node.options)
            out += fmt::format("complete -c millrace {}-l {} -d {}\n",
                               node.path == top ? "" : when + " ", name, fish_quoted(what));
    }
    return out;
}

}  // namespace

void add_completion_command(CLI::App& app, Context& context) {
    const auto shell = std::make_shared<std::string>();
    const Command command = Command(app).add_subcommand("completion", "Completion for a shell");
    command->add_option("shell", *shell, "bash, zsh or fish")
        ->required()
        ->one_of({"bash", "zsh", "fish"});
    command->footer(
        "Examples:\n  source <(millrace completion bash)\n  millrace completion fish > "
        "~/.config/fish/completions/millrace.fish");
    command->callback([&app, &context, shell] {
        context.action = [&app, &context, shell]() -> Try<Ok> {
            std::vector<Node> nodes;
            walk(Command(app).describe(), "millrace", nodes);
            std::string script = *shell == "fish" ? fish_script(nodes) : bash_script(nodes);
            if (*shell == "zsh") script = "autoload -U +X bashcompinit && bashcompinit\n" + script;
            context.print(boost::json::object{{"shell", *shell}, {"script", script}}, script);
            return Ok{};
        };
    });
}

}  // namespace millrace::wallet
