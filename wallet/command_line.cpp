#include "wallet/command_line.hpp"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

namespace millrace::wallet {

namespace {

OptionInfo describe(const CLI::Option& option) {
    return {option.get_snames(),
            option.get_lnames(),
            option.get_name(),
            option.get_description(),
            option.get_default_str(),
            option.get_envname(),
            option.get_items_expected_max() == 0};
}

/// Two levels of commands: this ends.
CommandInfo describe(const CLI::App& app) {
    CommandInfo out{app.get_name(), app.get_description(), app.get_footer(), {}, {}};
    for (const CLI::Option* option : app.get_options()) out.options.push_back(describe(*option));
    for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; }))
        out.children.push_back(describe(*child));
    return out;
}

}  // namespace

Argument Argument::required(bool is_required) {
    option_->required(is_required);
    return *this;
}
Argument Argument::capture_default_str() {
    option_->capture_default_str();
    return *this;
}
Argument Argument::one_at_a_time() {
    option_->allow_extra_args(false);
    return *this;
}
Argument Argument::excludes(const std::string& other) {
    option_->excludes(other);
    return *this;
}
Argument Argument::in_range(unsigned min, unsigned max) {
    option_->check(CLI::Range(min, max));
    return *this;
}
Argument Argument::existing_folder() {
    option_->check(CLI::ExistingDirectory);
    return *this;
}
Argument Argument::existing_file() {
    option_->check(CLI::ExistingFile);
    return *this;
}
Argument Argument::existing_path() {
    option_->check(CLI::ExistingPath);
    return *this;
}
Argument Argument::one_of(std::initializer_list<std::string> words) {
    option_->check(CLI::IsMember(words));
    return *this;
}

Command Command::add_subcommand(const std::string& name, const std::string& what) const {
    return Command(*app_->add_subcommand(name, what));
}
template <class Target>
Argument Command::add_option(const std::string& names, Target& target,
                             const std::string& what) const {
    return Argument(app_->add_option(names, target, what));
}
Argument Command::add_flag(const std::string& names, bool& target, const std::string& what) const {
    return Argument(app_->add_flag(names, target, what));
}
void Command::footer(const std::string& text) const {
    app_->footer(text);
}
void Command::callback(std::function<void()> call) const {
    app_->callback(std::move(call));
}
void Command::require_subcommand() const {
    app_->require_subcommand(1);
}
CommandInfo Command::describe() const {
    return wallet::describe(*app_);
}

template Argument Command::add_option(const std::string&, std::string&, const std::string&) const;
template Argument Command::add_option(const std::string&, std::filesystem::path&,
                                      const std::string&) const;
template Argument Command::add_option(const std::string&, std::uint8_t&, const std::string&) const;
template Argument Command::add_option(const std::string&, std::uint32_t&, const std::string&) const;
template Argument Command::add_option(const std::string&, std::uint64_t&, const std::string&) const;
template Argument Command::add_option(const std::string&, std::optional<std::string>&,
                                      const std::string&) const;
template Argument Command::add_option(const std::string&, std::optional<std::filesystem::path>&,
                                      const std::string&) const;
template Argument Command::add_option(const std::string&, std::optional<std::uint32_t>&,
                                      const std::string&) const;
template Argument Command::add_option(const std::string&, std::optional<std::uint16_t>&,
                                      const std::string&) const;
template Argument Command::add_option(const std::string&, std::optional<std::uint64_t>&,
                                      const std::string&) const;
template Argument Command::add_option(const std::string&, std::vector<std::string>&,
                                      const std::string&) const;
template Argument Command::add_option(const std::string&, std::vector<std::uint32_t>&,
                                      const std::string&) const;

}  // namespace millrace::wallet
