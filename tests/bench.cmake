add_executable(bench_page_tree bench/page_tree_bench.cpp)
target_link_libraries(bench_page_tree PRIVATE millrace_common fmt::fmt)
add_executable(bench_auth_map bench/auth_map_bench.cpp)
target_link_libraries(bench_auth_map PRIVATE millrace_common fmt::fmt)
