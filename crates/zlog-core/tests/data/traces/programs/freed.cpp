#include <cstdio>
int main() {
    fputs("2026-11-26 10:00:00 INFO up\n", stderr);
    int *numbers = new int[3];
    delete[] numbers;
    return numbers[1];
}
