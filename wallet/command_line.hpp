#pragma once

#include <functional>
#include <initializer_list>
#include <string>

namespace CLI {
class App;
class Option;
}  // namespace CLI

/// The words in which the files of commands/ say what they take. CLI11 is compiled in the source
/// file alone: its header takes four seconds in each that includes it.
namespace millrace::wallet {

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

  private:
    CLI::App* app_;
};

}  // namespace millrace::wallet
