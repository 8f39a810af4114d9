#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What people see: aligned tables, one progress line, colour on a terminal only. Nothing here is
/// printed under --json.
namespace millrace::wallet {

/// How standard output or error can be written to.
struct Terminal {
    bool is_terminal = false;
    bool has_colour = false;
    /// A line can be written over; `TERM=dumb` cannot.
    bool can_redraw = false;
    unsigned columns = 80;
    /// Looks at a descriptor, NO_COLOR and TERM.
    [[nodiscard]] static Terminal of(int fd);
};

/// Columns as wide as their widest cell. On a terminal that is too narrow for them each row is a
/// block of its own, a line a cell with the head of its column: nothing is cut, since half an id or
/// half an amount is of no use.
class Table {
  public:
    explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    [[nodiscard]] std::string text(const Terminal& terminal) const;

  private:
    std::vector<std::vector<std::string>> rows_;
};

/// "running     [######..................]  25%  3 running, 1 settled", shorter than `columns`.
[[nodiscard]] std::string bar_text(std::string_view label, std::uint64_t done, std::uint64_t total,
                                   std::string_view detail, unsigned columns);

/// One line that is redrawn on a terminal; elsewhere a plain line when the share has moved by a
/// tenth, or the label or `step` has changed.
class Progress {
  public:
    explicit Progress(bool is_quiet = false);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    void show(std::string_view label, std::uint64_t done, std::uint64_t total,
              std::string_view detail = "", std::uint64_t step = 0);
    /// Ends the line, so that what is printed next begins a new one.
    void finish();

  private:
    Terminal terminal_;
    bool is_quiet_;
    bool is_drawn_ = false;
    std::string last_label_;
    std::string last_line_;
    std::uint64_t last_tenth_ = 0;
    std::uint64_t last_step_ = 0;
};

/// "1 row", "2 rows": a noun whose plural has an s.
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view noun);
/// "1.5 GB", "312 B".
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);
/// "64 MiB": what is counted in powers of two, exactly.
[[nodiscard]] std::string human_binary(std::uint64_t bytes);
/// "3 min 20 s".
[[nodiscard]] std::string human_duration(std::uint64_t ms);
/// "1.25 Ggas".
[[nodiscard]] std::string human_gas(std::uint64_t gas);
/// The first digits of a hash, for tables; --json has all of them.
[[nodiscard]] std::string short_hash(std::string_view hex);

}  // namespace millrace::wallet
