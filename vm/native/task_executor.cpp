#include "vm/native/task_executor.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "common/sparse_page_tree.hpp"
#include "vm/image/publish.hpp"
#include "vm/machine/task_run.hpp"
#include "vm/machine/wasi_hosts.hpp"
#include "vm/native/disk_tree.hpp"
#include "vm/native/posix.hpp"
#include "vm/native/tree_mount.hpp"
#include "vm/wasi/arguments.hpp"

namespace millrace::vm {

namespace {

/// Modules above this are refused before they are read; the chain's own bound is lower.
constexpr std::uint64_t kModuleSizeMax = 64U << 20;

using Tell = std::function<bool(const WorkerEvent&)>;

Err<WorkerRefused> refuse(WorkerBlame blame, std::string sentence) {
    constexpr std::size_t kSentenceMax = 4'096;
    if (sentence.size() > kSentenceMax) sentence.resize(kSentenceMax);
    return Err{WorkerRefused{blame, std::move(sentence)}};
}
Err<WorkerRefused> refuse(const Error& error) {
    return refuse(WorkerBlame::machine, error.message);
}

Result<Bytes> read_module(const std::string& path) {
    const FileHandle fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status{};
    if (!fd || ::fstat(fd.get(), &status) != 0)
        return Err{system_error("cannot open '" + path + "'")};
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (!S_ISREG(status.st_mode) || size > kModuleSizeMax)
        return Err{Error{EFBIG, "'" + path + "' is no file of at most 64 MiB"}};
    Bytes bytes(size);
    MILLRACE_CHECK(pread_all(fd.get(), bytes, 0, path));
    return bytes;
}

/// The trees that a task reads, kept alive while it runs.
struct Inputs {
    std::shared_ptr<OpenFiles> open = std::make_shared<OpenFiles>();
    std::vector<FolderTree> folders;
    std::vector<std::unique_ptr<RegionFiles>> regions;
    std::unique_ptr<FilePages> standard_in;
    std::shared_ptr<PageCache> cache = std::make_shared<PageCache>();
    std::vector<std::unique_ptr<TreeMount>> mounts;
    std::vector<Mount> places;

    [[nodiscard]] std::optional<Error> failure() const {
        for (const auto& mount : mounts)
            if (mount->failure()) return mount->failure();
        return std::nullopt;
    }
};

Hash plain(const TreeRoot& root) {
    Hash out;
    out.bytes = root.bytes;
    return out;
}

/// The trees by number, behind one mount: of one tree, or of the array of numbered ones.
Status<Error> mount_tree(Inputs& inputs, TreePages& pages, const TreeManifest& manifest,
                         std::uint64_t number) {
    constexpr unsigned kTreeLevels = kSuperregionBits - kPageBits;
    const Subtree place{kTreeLevels, (kInputImages >> kSuperregionBits) + number,
                        plain(tree_root(manifest))};
    inputs.mounts.push_back(std::make_unique<TreeMount>(pages, place.first_page(), inputs.cache));
    inputs.places.push_back(Mount{place, inputs.mounts.back().get()});
    return Ok{};
}

Status<Error> open_input(Inputs& inputs, const TreeInput& input, std::uint64_t number) {
    if (const auto* folder = std::get_if<FolderInput>(&input)) {
        MILLRACE_TRY(FolderTree tree, scan_folder(std::string(folder->folder), inputs.open));
        inputs.folders.push_back(std::move(tree));
        TreeImage& image = inputs.folders.back().image;
        MILLRACE_TRY(const TreeManifest manifest, manifest_of(image));
        return mount_tree(inputs, image, manifest, number);
    }
    const auto& given = std::get<RegionInput>(input);
    std::vector<std::filesystem::path> files;
    for (const WorkerPath& file : given.files) files.emplace_back(std::string(file));
    MILLRACE_TRY(auto regions, RegionFiles::open(given.manifest, files, inputs.open));
    inputs.regions.push_back(std::move(regions));
    return mount_tree(inputs, *inputs.regions.back(), given.manifest, number);
}

Result<Inputs> open_inputs(const WorkerJob& job) {
    Inputs inputs;
    inputs.folders.reserve(job.inputs.size());  // mounts point into it
    for (std::size_t i = 0; i < job.inputs.size(); ++i)
        MILLRACE_CHECK(open_input(inputs, job.inputs[i], i));
    if (job.stdin_file) {
        MILLRACE_TRY(inputs.standard_in, FilePages::open(*job.stdin_file));
        FilePages& file = *inputs.standard_in;
        MILLRACE_TRY(const TreeManifest manifest, manifest_of(file));
        if (!manifest.regions.empty()) {
            Subtree place{kRegionLevels, kStdin >> kRegionBits, {}};
            place.root.bytes = manifest.regions[0].root.bytes;
            inputs.mounts.push_back(
                std::make_unique<TreeMount>(file, place.first_page(), inputs.cache));
            inputs.places.push_back(Mount{place, inputs.mounts.back().get()});
        }
    }
    return inputs;
}

TaskArguments arguments_of(const WorkerJob& job, const Inputs& inputs) {
    TaskArguments arguments;
    arguments.args.assign(job.args.begin(), job.args.end());
    arguments.env.assign(job.env.begin(), job.env.end());
    arguments.input_count = job.inputs.size();
    if (job.numbered)
        arguments.input_form = InputForm::numbered;
    else
        arguments.input_form = job.inputs.empty() ? InputForm::none : InputForm::tree;
    arguments.stdin_length = inputs.standard_in ? inputs.standard_in->region_length(0) : 0;
    arguments.task_index = job.task_index;
    arguments.task_count = job.task_count;
    arguments.job_time_ns = job.job_time_ns;
    arguments.gas_limit = job.gas_limit;
    arguments.memory_limit = job.memory_limit;
    arguments.segment_gas = job.segment_gas;
    arguments.output_bytes_max = job.output_bytes_max;
    arguments.seed = job.seed;
    return arguments;
}

// --- streams as they are written

/// Sends what the program has written since it was last looked at. Called after every micro-step of
/// a write, so nothing has left the kept part of a stream yet.
class StreamWatch {
  public:
    explicit StreamWatch(const Tell& tell) : tell_(tell) {}

    void look(const DirectAccess& state) {
        look_at(state, kStdout, 1);
        look_at(state, kStderr, 2);
    }
    [[nodiscard]] bool stopped() const { return stopped_; }

  private:
    void look_at(const DirectAccess& state, Address stream, std::uint8_t number) {
        std::uint64_t& seen = seen_[number - 1U];
        const std::uint64_t total = state.load(stream);
        while (seen < total && !stopped_) {
            const Address at = seen < kStreamHeadMax ? stream + kStreamHeadOffset + seen
                                                     : stream + kStreamTailOffset +
                                                           (seen - kStreamHeadMax) % kStreamTailMax;
            std::uint64_t size = std::min(total - seen, kPageSize - (at & (kPageSize - 1)));
            if (seen < kStreamHeadMax) size = std::min(size, kStreamHeadMax - seen);
            WorkerWrote wrote{number, {}};
            wrote.bytes.resize(size);
            state.read(at, wrote.bytes);
            seen += size;
            stopped_ = !tell_(wrote);
        }
    }
    const Tell& tell_;
    std::array<std::uint64_t, 2> seen_{};
    bool stopped_ = false;
};

/// WASI, watched.
struct WatchedHosts {
    WasiHosts hosts;
    StreamWatch* watch;

    HostOutcome call(DirectAccess& state, std::uint32_t number, Address args) {
        const HostOutcome outcome = hosts.call(state, number, args);
        if (number == static_cast<std::uint32_t>(HostCall::fd_write)) watch->look(state);
        // Nobody listens any more: end the program; the caller throws the run away.
        return watch->stopped() ? HostOutcome::trap : outcome;
    }
    HostOutcome finish(DirectAccess& state) { return hosts.finish(state); }
    bool fits_memory(DirectAccess& state, std::uint64_t pages) {
        return hosts.fits_memory(state, pages);
    }
};

// --- the output

/// The output region of an ended state.
class OutputPages final : public TreePages {
  public:
    explicit OutputPages(const DirectAccess& state) : state_(state) {
        const std::uint64_t first = kOutputImage >> kPageBits;
        PageBytes header{};
        state_.read_page(first, header);
        const auto word = [&](std::uint64_t at) {
            return load_le<std::uint64_t>(header.data() + at);
        };
        if (word(tree_header::magic) != kTreeMagic) return;  // the empty tree
        lengths_.push_back(word(tree_header::inline_end));
        const std::uint64_t big_files = word(tree_header::version_and_big) >> 32;
        for (std::uint64_t record = 0; record < word(tree_header::entries); ++record) {
            const Address at = kOutputImage + kTreeRecords + kTreeRecordSize * record;
            const TreeRecord read = TreeRecord::from_words(state_.load(at), state_.load(at + 8),
                                                           state_.load(at + 16), 0);
            if (read.kind == EntryKind::file && read.length >= kBigFileSize)
                lengths_.push_back(read.length);
        }
        MILLRACE_ASSERT(lengths_.size() == big_files + 1);
    }
    Status<Error> read_page(std::uint64_t index, MutableByteView out) override {
        state_.read(kOutputImage + (index << kPageBits), out);
        return Ok{};
    }
    [[nodiscard]] std::uint64_t region_length(std::uint64_t region) const override {
        return region < lengths_.size() ? lengths_[region] : 0;
    }

  private:
    const DirectAccess& state_;
    std::vector<std::uint64_t> lengths_;
};

Status<Error> deliver(const WorkerJob& job, const DirectAccess& state, WorkerDone& done) {
    OutputPages output(state);
    MILLRACE_TRY(done.output, manifest_of(output));
    if (done.claim && tree_root(done.output) != done.facts.output_root)
        return Err{Error{EIO, "the output's root differs from the state's; please report this"}};
    done.facts.output_root = tree_root(done.output);
    if (job.output_folder) {
        auto extracted = extract_tree(output, std::string(*job.output_folder));
        if (!extracted) return Err{extracted.error()};
    }
    if (job.output_regions) {
        auto written = write_regions(output, std::string(*job.output_regions));
        if (!written) return Err{written.error()};
    }
    return Ok{};
}

/// Runs without hashing boundaries: nothing is claimed, so only the end counts.
bool run_watched(DirectAccess& state, const Tell& tell) {
    StreamWatch watch(tell);
    WatchedHosts hosts{{}, &watch};
    for (;;) {
        StepBudget budget;
        const RunStop stop = run_segment<false>(state, hosts, budget);
        if (watch.stopped()) return false;
        if (stop == RunStop::fault) return true;  // an input has failed, and says why
        if (stop != RunStop::boundary) return true;
        if (!tell(WorkerProgress{state.reg(Register::gas_used), {}})) return false;
    }
}

FinalFacts facts_of_state(const DirectAccess& state) {
    PageBytes registers{};
    state.read_page(kRegistersPage >> kPageBits, registers);
    const auto facts = facts_of(registers, empty_tree_root());
    MILLRACE_ASSERT(facts.has_value());
    return *facts;
}

}  // namespace

Result<WorkerDone, WorkerRefused> execute_task(const WorkerJob& job, const Tell& tell) {
    auto module = read_module(job.module);
    if (!module) return refuse(module.error());
    auto image = publish(*std::move(module));
    if (!image)
        return refuse(WorkerBlame::job,
                      "'" + std::string(job.module) + "': " + image.error().sentence());
    if (job.claim && job.stream)
        return refuse(WorkerBlame::job, "a run is either claimed or watched, not both");
    if (!job.numbered && job.inputs.size() > 1)
        return refuse(WorkerBlame::job, "more than one input, and they are not numbered");
    auto inputs = open_inputs(job);
    if (!inputs) return refuse(inputs.error());
    auto arguments = encode_arguments(arguments_of(job, *inputs));
    if (!arguments) return refuse(WorkerBlame::job, to_sentence(arguments.error()));

    const auto state = load_task(*image, TaskInputs{*arguments, inputs->places});
    const auto stopped = [] { return refuse(WorkerBlame::machine, "the run was stopped"); };
    if (!tell(WorkerStarted{image->root})) return stopped();
    WorkerDone done;
    if (job.claim) {
        auto run = run_task(*state, job.task_index, [&](std::uint64_t gas) {
            return tell(WorkerProgress{gas, read_tails(*state)});
        });
        if (!run && run.error() == TaskStop::too_many_boundaries)
            return refuse(WorkerBlame::job,
                          "the job's segment gas is so small that the task has more than 2,048 "
                          "boundaries; it must be at least 2^30, and the gas limit's 1,024th part");
        if (!run) return inputs->failure() ? refuse(*inputs->failure()) : stopped();
        done.facts = facts_of_state(*state);
        done.facts.output_root = run->claim.output_root;
        done.claim = run->claim;
        done.boundaries = std::move(run->boundaries);
        done.tails = std::move(run->tails);
    } else {
        if (!run_watched(*state, tell)) return stopped();
        if (const auto failure = inputs->failure()) return refuse(*failure);
        done.facts = facts_of_state(*state);
        done.tails = read_tails(*state);
    }
    if (const auto failure = inputs->failure()) return refuse(*failure);
    if (auto delivered = deliver(job, *state, done); !delivered) return refuse(delivered.error());
    return done;
}

}  // namespace millrace::vm
