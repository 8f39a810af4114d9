#include "wallet/job_fetch.hpp"

#include <fmt/format.h>

#include <fstream>
#include <map>

#include "wallet/transfer.hpp"

namespace millrace::wallet {

namespace fs = std::filesystem;

namespace {

constexpr const char* kScratch = ".millrace-fetch";
/// Trees below this come in a moment.
constexpr std::uint64_t kShownBytesMin = 16U << 20U;

/// Where trees lie on their way. It goes with the object; after a failure that another try may mend
/// it stays, for that try to go on from.
class Scratch {
  public:
    explicit Scratch(fs::path path) : path_(std::move(path)) {}
    ~Scratch() {
        std::error_code ignored;
        if (!is_kept_) fs::remove_all(path_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    /// Two tasks may leave the same tree; after another job's fetch nothing of it fits.
    [[nodiscard]] fs::path of(const TaskOutcome& outcome) const {
        return path_ / fmt::format("{}-{}", outcome.task,
                                   short_hash(to_hex(outcome.result->output_root.view())));
    }
    [[nodiscard]] Failure keep(Failure failure) {
        const bool may_go_on =
            failure.exit == Exit::node_unreachable || failure.exit == Exit::failed;
        is_kept_ = may_go_on && has_bytes();
        if (is_kept_)
            failure.message += fmt::format(
                "; what has come is in {}, and the same command again goes on from there",
                path_.string());
        return failure;
    }

  private:
    [[nodiscard]] bool has_bytes() const {
        std::error_code ec;
        for (const auto& file : fs::recursive_directory_iterator(path_, ec))
            if (file.is_regular_file(ec) && file.file_size(ec) > 0) return true;
        return false;
    }
    fs::path path_;
    bool is_kept_ = false;
};

bool is_free(const fs::path& folder) {
    std::error_code ec;
    if (!fs::exists(folder, ec)) return true;
    if (!fs::is_directory(folder, ec)) return false;
    for (const auto& entry : fs::directory_iterator(folder, ec))
        if (entry.path().filename() != kScratch) return false;
    return !ec;
}

Try<Ok> check_free(const FetchOptions& options, const fs::path& folder) {
    if (options.overwrite || is_free(folder)) return Ok{};
    return Err{Failure{Exit::bad_input,
                       fmt::format("{} is there already and not empty; choose another --output, or "
                                   "replace its files with --overwrite",
                                   folder.string())}};
}

/// Which task wrote each path of a merged tree.
class Merge {
  public:
    Try<Ok> add(const vm::TreeIndex& index, std::uint32_t task) {
        for (std::uint32_t i = 1; i < index.entries().size(); ++i) {
            const vm::EntryKind kind = index.entries()[i].record.kind;
            const std::string path = index.path_of(i);
            const auto [at, is_new] = owners_.try_emplace(path, Owner{task, kind});
            const bool both_folders =
                kind == vm::EntryKind::directory && at->second.kind == vm::EntryKind::directory;
            if (!is_new && !both_folders)
                return Err{Failure{Exit::bad_input,
                                   fmt::format("tasks {} and {} both wrote {}; leave out --flat to "
                                               "get a folder for each task",
                                               at->second.task, task, path)}};
        }
        return Ok{};
    }

  private:
    struct Owner {
        std::uint32_t task;
        vm::EntryKind kind;
    };
    std::map<std::string, Owner> owners_;
};

void count(FetchReport& report, const vm::TreeIndex& index) {
    ++report.tasks;
    report.bytes += index.total_bytes();
    for (const vm::TreeEntry& entry : index.entries())
        if (entry.record.kind == vm::EntryKind::file) ++report.files;
}

Try<Ok> write_stream(const fs::path& path, ByteView bytes) {
    if (bytes.empty()) return Ok{};
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << as_text(bytes);
    out.close();
    if (out) return Ok{};
    return Err{Failure{Exit::failed, "cannot write " + path.string() + "; is the disk full?"}};
}

Try<Ok> write_streams(Context& context, const FetchOptions& options, const TaskOutcome& outcome) {
    MILLRACE_TRY(const auto tails, fetch_tails(context, outcome));
    if (!tails) return Ok{};
    const std::string name = fmt::format("task-{:05}", outcome.task);
    MILLRACE_CHECK(write_stream(options.output / (name + ".stdout"), tails->out));
    return write_stream(options.output / (name + ".stderr"), tails->err);
}

}  // namespace

Try<std::optional<vm::Tails>> fetch_tails(Context& context, const TaskOutcome& outcome) {
    if (!outcome.result) return std::optional<vm::Tails>();
    const Hash& expected = outcome.result->tails;
    auto tails = ask_holders<vm::Tails>(
        context, "blob_get_tails", {{"tails", to_hex(expected.view())}},
        [&](const vm::Tails& found) { return vm::tails_hash(found) == expected; },
        fmt::format("the node gives other words of task {} than its claim has", outcome.task));
    if (tails.has_value()) return std::optional(*std::move(tails));
    if (tails.error().exit == Exit::not_found) return std::optional<vm::Tails>();
    return Err{tails.error()};
}

fs::path task_folder(const FetchOptions& options, std::uint32_t tasks, std::uint32_t task) {
    if (tasks == 1 || options.flat) return options.output;
    return options.output / fmt::format("task-{:05}", task);
}

Try<Ok> check_free(const FetchOptions& options, std::uint32_t tasks) {
    std::error_code ec;
    // Files that may be replaced do not make a folder of a file.
    if (fs::exists(options.output, ec) && !fs::is_directory(options.output, ec))
        return Err{Failure{Exit::bad_input, fmt::format("{} is no folder; choose another --output",
                                                        options.output.string())}};
    for (std::uint32_t task = 0; task < tasks; ++task) {
        const fs::path folder = task_folder(options, tasks, task);
        MILLRACE_CHECK(check_free(options, folder));
        // All tasks in one folder.
        if (folder == options.output) break;
    }
    return Ok{};
}

namespace {

Try<FetchReport> fetch_all(Context& context, const FetchOptions& options, std::uint32_t tasks,
                           std::span<const TaskOutcome> wanted, const Scratch& scratch) {
    FetchReport report;
    report.folder = options.output.string();
    Progress progress(context.quiet);
    Merge merge;
    std::vector<RemoteTree> waiting;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const TaskOutcome& outcome = wanted[i];
        const std::string label =
            wanted.size() == 1 ? "output" : fmt::format("output {}/{}", i + 1, wanted.size());
        MILLRACE_TRY(RemoteTree tree,
                     RemoteTree::fetch(context, outcome.result->output_root, scratch.of(outcome),
                                       [&](std::uint64_t done, std::uint64_t total) {
                                           if (total >= kShownBytesMin)
                                               progress.show(label, done, total, human_bytes(done));
                                       }));
        count(report, tree.index());
        if (tasks > 1) MILLRACE_CHECK(write_streams(context, options, outcome));
        progress.show("output", i + 1, wanted.size(), human_bytes(report.bytes));
        if (!options.flat) {
            MILLRACE_CHECK(tree.extract(task_folder(options, tasks, outcome.task)));
            continue;
        }
        MILLRACE_CHECK(merge.add(tree.index(), outcome.task));
        waiting.push_back(std::move(tree));
    }
    for (RemoteTree& tree : waiting) MILLRACE_CHECK(tree.extract(options.output));
    progress.finish();
    return report;
}

}  // namespace

Try<FetchReport> fetch_outputs(Context& context, const FetchOptions& options, std::uint32_t tasks,
                               std::span<const TaskOutcome> outcomes) {
    std::vector<TaskOutcome> wanted;
    for (const TaskOutcome& outcome : outcomes)
        if (outcome.state == market::TaskState::settled && outcome.result)
            wanted.push_back(outcome);
    for (const TaskOutcome& outcome : wanted)
        MILLRACE_CHECK(check_free(options, task_folder(options, tasks, outcome.task)));
    std::error_code ec;
    fs::create_directories(options.output, ec);
    if (ec)
        return Err{Failure{Exit::bad_input, fmt::format("cannot make the folder {}: {}",
                                                        options.output.string(), ec.message())}};
    Scratch scratch(options.output / kScratch);
    auto report = fetch_all(context, options, tasks, wanted, scratch);
    if (!report.has_value()) return Err{scratch.keep(report.error())};
    return report;
}

}  // namespace millrace::wallet
