#include "vm/native/worker_client.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <thread>

#include "vm/native/posix.hpp"

namespace millrace::vm {

namespace {

using Clock = std::chrono::steady_clock;
using Kind = WorkerFailure::Kind;

Err<WorkerFailure> failed(Kind kind, std::string sentence) {
    return Err{WorkerFailure{kind, WorkerBlame::machine, std::move(sentence)}};
}

/// What the child sets on itself before it becomes the worker. Only calls that are safe after a
/// fork of a process with threads.
struct Limits {
    rlimit address_space{};
    rlimit cpu{};
};

#ifdef __SANITIZE_THREAD__
/// The sanitizer's own memory is mapped at fixed places all over the address space.
constexpr bool kHasAddressLimit = false;
#else
constexpr bool kHasAddressLimit = true;
#endif

[[noreturn]] void become_worker(const char* program, char* const* argv, char* const* environment,
                                int socket, const Limits& limits, pid_t parent) {
    const auto give_up = [] { ::_exit(127); };
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) give_up();
    const rlimit none{0, 0};
    const rlimit files{256, 256};
    if ((kHasAddressLimit && ::setrlimit(RLIMIT_AS, &limits.address_space) != 0) ||
        ::setrlimit(RLIMIT_CPU, &limits.cpu) != 0 || ::setrlimit(RLIMIT_CORE, &none) != 0)
        give_up();
    const int null = ::open("/dev/null", O_RDWR);
    if (null < 0 || ::dup2(null, STDIN_FILENO) < 0 || ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        give_up();
    // dup2 onto itself would keep close-on-exec.
    if (socket == kWorkerDescriptor) {
        if (::fcntl(socket, F_SETFD, 0) != 0) give_up();
    } else if (::dup2(socket, kWorkerDescriptor) < 0) {
        give_up();
    }
    if (::close_range(kWorkerDescriptor + 1, ~0U, 0) != 0) give_up();
    // Only now: with as many connections open, the node's own descriptors would leave no room below
    // the limit, and every task would fail.
    if (::setrlimit(RLIMIT_NOFILE, &files) != 0) give_up();
    sigset_t no_signals;
    ::sigemptyset(&no_signals);
    ::sigprocmask(SIG_SETMASK, &no_signals, nullptr);
    ::execve(program, argv, environment);
    give_up();
    ::abort();
}

/// A worker process, killed and waited for when this goes.
class Process {
  public:
    Process(pid_t pid, FileHandle socket) : pid_(pid), socket_(std::move(socket)) {}
    ~Process() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            (void)wait();
        }
    }
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    [[nodiscard]] int socket() const { return socket_.get(); }
    /// Waits for the end and says how it came.
    [[nodiscard]] std::string wait() {
        int status = 0;
        // A worker that has hung up may live on: it gets a moment to end by itself, so that its
        // status tells why, and no more.
        pid_t ended = 0;
        for (int i = 0; i < 500 && ended == 0; ++i) {
            ended = ::waitpid(pid_, &status, WNOHANG);
            if (ended == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        if (ended == 0) ::kill(pid_, SIGKILL);
        while (ended == 0 && ::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        if (WIFSIGNALED(status)) {
            const int number = WTERMSIG(status);
            if (number == SIGXCPU || number == SIGKILL)
                return "it was killed (signal " + std::to_string(number) +
                       "): its processor time or the machine's memory was used up";
            return "it crashed with signal " + std::to_string(number) + " (" + ::strsignal(number) +
                   ")";
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
            return "the program millrace-worker could not be started with its limits";
        return "it ended with status " + std::to_string(WEXITSTATUS(status));
    }
    /// Leaves time to end by itself after its last word.
    void finish() {
        for (int i = 0; i < 50; ++i) {
            int status = 0;
            if (::waitpid(pid_, &status, WNOHANG) == pid_) {
                pid_ = -1;
                return;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    }

  private:
    pid_t pid_;
    FileHandle socket_;
};

Result<std::unique_ptr<Process>> start(const WorkerSetup& setup, const WorkerJob& job) {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
        return Err{system_error("cannot make a socket for the worker")};
    FileHandle ours(pair[0]);
    const FileHandle theirs(pair[1]);
    const std::string program = setup.program.string();
    if (::access(program.c_str(), X_OK) != 0)
        return Err{system_error("cannot start '" + program + "'")};

    Limits limits;
    const std::uint64_t space = setup.address_space_extra + 2 * job.memory_limit;
    limits.address_space = {space, space};
    limits.cpu = {setup.cpu_seconds, setup.cpu_seconds + 1};
    std::string name = "millrace-worker";
    std::array<char*, 2> argv{name.data(), nullptr};
    // Nothing of the node's environment is the worker's business.
    std::array<char*, 1> environment{nullptr};
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return Err{system_error("cannot make a process for the worker")};
    if (pid == 0)
        become_worker(program.c_str(), argv.data(), environment.data(), theirs.get(), limits,
                      parent);
    return std::make_unique<Process>(pid, std::move(ours));
}

/// Waits until the socket can be read or written, the deadline passes, or `stop` is set.
std::optional<Kind> wait_for(int socket, short events, Clock::time_point deadline,
                             const std::atomic<bool>& stop) {
    for (;;) {
        if (stop.load()) return Kind::stopped;
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0) return Kind::deadline;
        constexpr long long kLookMs = 100;
        pollfd watched{socket, events, 0};
        const int ready =
            ::poll(&watched, 1, static_cast<int>(std::min<long long>(left.count(), kLookMs)));
        if (ready > 0) return std::nullopt;
        if (ready < 0 && errno != EINTR) return Kind::crashed;
    }
}

/// Moves all bytes of a buffer one way or the other, within the deadline.
std::optional<Kind> move_all(int socket, bool sends, MutableByteView bytes,
                             Clock::time_point deadline, const std::atomic<bool>& stop) {
    while (!bytes.empty()) {
        if (const auto why = wait_for(socket, sends ? POLLOUT : POLLIN, deadline, stop)) return why;
        const ssize_t moved =
            sends ? ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT)
                  : ::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (moved < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (moved <= 0) return Kind::crashed;
        bytes = bytes.subspan(static_cast<std::size_t>(moved));
    }
    return std::nullopt;
}

}  // namespace

Result<WorkerDone, WorkerFailure> run_in_worker(const WorkerSetup& setup, const WorkerJob& job,
                                                const WorkerObserver& observer,
                                                const std::atomic<bool>& stop) {
    const Clock::time_point deadline = Clock::now() + setup.deadline;
    auto started = start(setup, job);
    if (!started) return failed(Kind::not_started, started.error().message);
    Process& worker = **started;
    const auto give_up = [&](Kind why) {
        switch (why) {
            case Kind::stopped:
                return failed(why, "the task was stopped");
            case Kind::deadline:
                return failed(why, "the task passed its deadline and was killed");
            default:
                return failed(Kind::crashed, "the worker failed: " + worker.wait());
        }
    };

    Bytes frame = encode(job);
    if (frame.size() > kWorkerFrameMax)
        return failed(Kind::not_started, "the job's description is longer than 64 MiB");
    auto header = frame_header(static_cast<std::uint32_t>(frame.size()));
    if (const auto why = move_all(worker.socket(), true, header, deadline, stop))
        return give_up(*why);
    if (const auto why = move_all(worker.socket(), true, frame, deadline, stop))
        return give_up(*why);

    for (;;) {
        if (const auto why = move_all(worker.socket(), false, header, deadline, stop))
            return give_up(*why);
        const auto size = frame_size(header);
        if (!size)
            return failed(Kind::crashed, "the worker failed: it sent a frame that is too long");
        frame.assign(*size, 0);
        if (const auto why = move_all(worker.socket(), false, frame, deadline, stop))
            return give_up(*why);
        auto event = decode<WorkerEvent>(frame);
        if (!event) return failed(Kind::crashed, "the worker failed: it sent what does not decode");
        if (auto* done = std::get_if<WorkerDone>(&*event)) {
            worker.finish();
            return std::move(*done);
        }
        if (const auto* refused = std::get_if<WorkerRefused>(&*event))
            return Err{WorkerFailure{Kind::refused, refused->blame, refused->sentence}};
        if (observer) observer(*event);
    }
}

std::filesystem::path default_worker_program() {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    return error ? std::filesystem::path("millrace-worker")
                 : self.parent_path() / "millrace-worker";
}

}  // namespace millrace::vm
