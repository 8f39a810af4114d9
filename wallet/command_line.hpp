#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

/// The words in which the files of commands/ say what they take. CLI11 is compiled in the source
/// file alone: its header takes four seconds in each that includes it.
namespace millrace::wallet {

/// What one argument or option says of itself.
struct OptionInfo {
    /// Without their hyphens; an argument has neither.
    std::vector<std::string> short_names;
    std::vector<std::string> long_names;
    std::string name;
    std::string what;
    /// What it is when it is left out; empty where that is nothing.
    std::string default_value;
    /// The environment variable that sets it too; empty where there is none.
    std::string variable;
    bool is_flag = false;
};

/// What a command says of itself: completion and the manual page are read off the parser, so that
/// they are never out of date.
struct CommandInfo {
    std::string name;
    std::string what;
    std::string footer;
    std::vector<OptionInfo> options;
    std::vector<CommandInfo> children;
};

/// An argument or option; refers to what CLI11 owns.
class Argument {
  public:
    explicit Argument(CLI::Option* option) : option_(option) {}
    /// So that these are strung together: `command->add_option(...)->required()`.
    Argument* operator->() { return this; }

    Argument required(bool is_required = true);
    /// Its value now is shown as the default.
    Argument capture_default_str();
    /// An option that may be repeated takes one value each time.
    Argument one_at_a_time();
    Argument excludes(const std::string& other);
    Argument in_range(unsigned min, unsigned max);
    Argument existing_folder();
    Argument existing_file();
    Argument existing_path();
    Argument one_of(std::initializer_list<std::string> words);

  private:
    CLI::Option* option_;
};

/// A command, or a group of them; refers to what CLI11 owns.
class Command {
  public:
    explicit Command(CLI::App& app) : app_(&app) {}
    const Command* operator->() const { return this; }
    CLI::App& operator*() const { return *app_; }

    [[nodiscard]] Command add_subcommand(const std::string& name, const std::string& what) const;
    /// `Target`: texts, numbers and paths, also optional ones and lists; those that are used stand
    /// at the end of the source file.
    template <class Target>
    // NOLINTNEXTLINE(modernize-use-nodiscard): an option without more to say of it is left alone.
    Argument add_option(const std::string& names, Target& target, const std::string& what) const;
    // NOLINTNEXTLINE(modernize-use-nodiscard)
    Argument add_flag(const std::string& names, bool& target, const std::string& what) const;
    void footer(const std::string& text) const;
    void callback(std::function<void()> call) const;
    void require_subcommand() const;
    [[nodiscard]] CommandInfo describe() const;

  private:
    CLI::App* app_;
};

}  // namespace millrace::wallet
