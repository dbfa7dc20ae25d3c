package main

func Example() {
	main()
	// Output: high 0.80 by ml 1
}
